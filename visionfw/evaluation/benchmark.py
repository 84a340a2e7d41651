"""Runs a model over image sets and gathers its scores as rows of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.backend.memory import is_out_of_memory
from visionfw.data.datasets import ImageSet
from visionfw.errors import VisionfwError
from visionfw.evaluation.metric_suite import MetricSuite
from visionfw.evaluation.protocol import EvalImage, Protocol, Score, Upscale, load_eval_image
from visionfw.imaging.files import ImageError

#: Called with a set's name, a test image, its score and the model's uint8 image.
OnImage = Callable[[str, EvalImage, Score, np.ndarray], None]
_OUT_OF_MEMORY = "out of memory"
_SPREADS = ("psnr", "ssim")


@dataclass(frozen=True)
class Failure:
    """A test image that could not be measured, and why."""

    image: str
    reason: str


@dataclass(frozen=True)
class SetScore:
    """The scores of one set's images.

    Attributes:
        dataset: the set's name.
        protocol: how the metrics were computed.
        results: of its images, in their order.
        set_metrics: metrics of the set as a whole, by name.
    """

    dataset: str
    protocol: Protocol
    results: tuple[Score | Failure, ...]
    set_metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def scores(self) -> list[Score]:
        """The scores of the images that were measured."""
        return [result for result in self.results if isinstance(result, Score)]

    @property
    def failures(self) -> list[Failure]:
        """The images that could not be measured."""
        return [result for result in self.results if isinstance(result, Failure)]

    def mean(self, metric: str) -> float:
        """Return the mean of a column over all images (of PSNR the mean of dB); NaN where there is none."""
        return mean_of([score.values()[metric] for score in self.scores])

    def row(self, model: str) -> dict[str, Any]:
        """Return the set's row of a report: its means over images, and the protocol.

        Where the value of an image is infinite, so is the mean; it is NaN where infinities of both signs meet. Images that failed are
        counted as "failed", and are in no mean.
        """
        names = list(self.scores[0].values()) if self.scores else list(Score("", np.nan, np.nan, np.nan, np.nan).values())
        record = self.protocol.record()
        protocol = {key: record[key] for key in ("channel", "crop", "rounding", "resize")} | {"model scale": self.protocol.scale}
        counts = {"model": model, "dataset": self.dataset, "scale": self.protocol.factor, "images": len(self.scores), "failed": len(self.failures)}
        return counts | {name: self.mean(name) for name in names} | dict(self.set_metrics) | protocol

    def image_rows(self) -> list[dict[str, Any]]:
        """Return one row for every image that was measured."""
        return [{"dataset": self.dataset, "image": score.image, **score.values()} for score in self.scores]

    def failure_lines(self) -> list[str]:
        """Return one line for every image that failed."""
        return [f"{self.dataset}: {failure.image} is not measured: {failure.reason}" for failure in self.failures]


def mean_of(values: Sequence[float]) -> float:
    """Return the mean: infinite where a value is, NaN where infinities of both signs meet or there is no value."""
    with np.errstate(invalid="ignore"):
        return float(np.mean(values)) if len(values) else np.nan


def benchmark(
    upscale: Upscale,
    sets: Sequence[ImageSet],
    protocol: Protocol,
    *,
    metrics: MetricSuite | None = None,
    on_image: OnImage | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[SetScore]:
    """Score a model on image sets.

    An image that does not fit into memory counts as failed, and the others are measured.

    Args:
        upscale: the model, from (height, width, channels) float32 in [0, 1] to the SR image.
        sets: the test sets.
        protocol: how the metrics are computed.
        metrics: further metrics.
        on_image: called with each image that was measured.
        progress: called with (images done, images in all).

    Raises:
        ImageError: a file cannot be read.
        RequestError: an image is too small for a metric or for the crop, or a set has too few images for a metric.
        VisionfwError: the model cannot upscale an image.
    """
    metrics, total = metrics or MetricSuite(()), sum(len(images.hr) for images in sets)
    set_scores: list[SetScore] = []
    done = 0
    for images in sets:
        results: list[Score | Failure] = []
        for hr, lr in images.pairs(protocol.lr_degradation):
            measured = _measure(upscale, hr, lr, protocol, metrics)
            if on_image and not isinstance(measured, Failure):
                on_image(images.name, *measured)
            results.append(measured if isinstance(measured, Failure) else measured[1])
            done += 1
            if progress:
                progress(done, total)
        is_measured = any(isinstance(result, Score) for result in results)
        set_scores.append(SetScore(images.name, protocol, tuple(results), metrics.measure_set() if is_measured else {}))
    return set_scores


def _measure(upscale: Upscale, hr: Path, lr: Path | None, protocol: Protocol, metrics: MetricSuite) -> tuple[EvalImage, Score, np.ndarray] | Failure:
    """Return a test image, its score and the model's uint8 image, or that it does not fit into memory."""
    try:
        image = load_eval_image(hr, lr, protocol)
        sr = image.to_uint8(upscale(image.lr))
        return image, image.score(sr, metrics.measure_image(image, sr)), sr
    except ImageError:
        raise
    except Exception as error:
        if is_out_of_memory(error) or is_out_of_memory(error.__cause__ or error):
            return Failure(hr.name, _OUT_OF_MEMORY)
        if isinstance(error, VisionfwError):  # too small for a window, a model's strides, a crop
            raise type(error)(f"{hr}: {error}") from error
        raise


def average_samples(samples: Sequence[Sequence[SetScore]]) -> list[SetScore]:
    """Return the mean metrics of several samples of every image, with the spread (standard deviation) of their PSNR and SSIM.

    An image that failed in one sample counts as failed.

    Args:
        samples: what `benchmark` returned, once for each sample.
    """
    return [_average_set(sets) for sets in zip(*samples, strict=True)]


def _average_set(samples: Sequence[SetScore]) -> SetScore:
    names = set.intersection(*(set(one.set_metrics) for one in samples))
    set_metrics = {name: mean_of([one.set_metrics[name] for one in samples]) for name in samples[0].set_metrics if name in names}
    results = tuple(_average(results) for results in zip(*(one.results for one in samples), strict=True))
    return replace(samples[0], results=results, set_metrics=set_metrics)


def _average(results: Sequence[Score | Failure]) -> Score | Failure:
    """Return the mean of the scores of one image's samples; a failure where one of them failed."""
    scores = [result for result in results if isinstance(result, Score)]
    if len(scores) < len(results):
        return next(result for result in results if isinstance(result, Failure))
    with np.errstate(invalid="ignore"):
        spreads = {f"{name}_spread": float(np.std([getattr(score, name) for score in scores], ddof=1)) for name in _SPREADS}
    metrics = {name: mean_of([score.metrics[name] for score in scores]) for name in scores[0].metrics}
    psnr, ssim = (mean_of([getattr(score, name) for score in scores]) for name in _SPREADS)
    return replace(scores[0], psnr=psnr, ssim=ssim, metrics=metrics | spreads)
