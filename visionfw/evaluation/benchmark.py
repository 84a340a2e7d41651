"""A benchmark: a model over image sets -> rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from visionfw.data.datasets import ImageSet
from visionfw.errors import VisionfwError
from visionfw.evaluation.metric_suite import MetricSuite
from visionfw.evaluation.protocol import Enlarge, EvalImage, Protocol, Score, prepare
from visionfw.imaging.files import ImageError

Keep = Callable[[str, EvalImage, Score, np.ndarray], None]


@dataclass(frozen=True)
class SetScore:
    """The scores of one set's images, and figures of the set as a whole."""

    dataset: str
    protocol: Protocol
    scores: tuple[Score, ...]
    of_set: tuple[tuple[str, float], ...] = ()

    def mean(self, figure: str) -> float:
        """Return the mean over images of 'psnr', 'ssim', 'bicubic_psnr', 'bicubic_ssim' or 'gain' (a mean of dB)."""
        return float(np.mean([getattr(score, figure) for score in self.scores]))

    def row(self, model: str) -> dict[str, Any]:
        """Return the set's row of a report, with the protocol it was made by."""
        figures = {key: self.mean(key) for key in ("psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")}
        more = [dict(score.more) for score in self.scores]
        figures |= {key: float(np.mean([entry[key] for entry in more])) for key in more[0]} | dict(self.of_set)
        record = self.protocol.record()
        by = {key: record[key] for key in ("channel", "crop", "rounding", "resize")} | {"model scale": self.protocol.scale}
        return {"model": model, "dataset": self.dataset, "scale": self.protocol.factor, "images": len(self.scores), **figures, **by}

    def image_rows(self) -> list[dict[str, Any]]:
        """Return one row an image."""
        keys = ("image", "psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")
        return [{"dataset": self.dataset, **{key: getattr(score, key) for key in keys}, **dict(score.more)} for score in self.scores]


def benchmark(
    enlarge: Enlarge,
    sets: Sequence[ImageSet],
    protocol: Protocol,
    progress: Callable[[int, int], None] | None = None,
    measures: MetricSuite | None = None,
    keep: Keep | None = None,
) -> list[SetScore]:
    """Score a model on sets.

    Args:
        enlarge: (h, w, channels) float32 in [0, 1] -> the enlarged image.
        sets: the test sets.
        protocol: how numbers are made.
        progress: called with (images done, images in all).
        measures: figures beside PSNR and SSIM.
        keep: called with every set's name, case, score and enlarged image, uint8.

    Raises:
        ImageError: a file cannot be read.
        RequestError: an image is too small for what is measured, or for the crop.
        VisionfwError: the model cannot be put on an image.
    """
    found, done, of = [], 0, sum(len(images.hr) for images in sets)
    for images in sets:
        scores = []
        for hr, lr in images.pairs(protocol.how):
            try:
                case = prepare(hr, lr, protocol)
                levels = case.finish(enlarge(case.lr))
                scores.append(case.score_of(levels, measures.of_image(case, levels) if measures else None))
            except ImageError:
                raise
            except VisionfwError as error:  # too small for a window, a model's strides, a crop
                raise type(error)(f"{hr}: {error}") from error
            if keep:
                keep(images.name, case, scores[-1], levels)
            done += 1
            if progress:
                progress(done, of)
        found.append(SetScore(images.name, protocol, tuple(scores), tuple(measures.of_set().items()) if measures else ()))
    return found


def averaged(drawn: Sequence[Sequence[SetScore]]) -> list[SetScore]:
    """Return the mean figures of several images drawn of each LR image, with the spread (standard deviation) of their PSNR and SSIM.

    Args:
        drawn: what `benchmark` returned, once for each draw.
    """
    return [_mean_of_sets(sets) for sets in zip(*drawn, strict=True)]


def _mean_of_sets(sets: Sequence[SetScore]) -> SetScore:
    of_set = {key: float(np.mean([dict(one.of_set)[key] for one in sets])) for key, _ in sets[0].of_set}
    scores = tuple(_mean(scores) for scores in zip(*(one.scores for one in sets), strict=True))
    return replace(sets[0], scores=scores, of_set=tuple(of_set.items()))


def _mean(scores: Sequence[Score]) -> Score:
    figures = {name: float(np.mean([getattr(score, name) for score in scores])) for name in ("psnr", "ssim")}
    spread = {f"{name}_spread": float(np.std([getattr(score, name) for score in scores], ddof=1)) for name in ("psnr", "ssim")}
    more = {key: float(np.mean([dict(score.more)[key] for score in scores])) for key, _ in scores[0].more}
    return replace(scores[0], **figures, more=tuple((more | spread).items()))
