"""A benchmark: a model over image sets -> rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionfw.data.datasets import ImageSet
from visionfw.evaluation.protocol import Case, Enlarge, Protocol, Score, prepare


@dataclass(frozen=True)
class SetScore:
    """The scores of one set's images."""

    dataset: str
    protocol: Protocol
    scores: tuple[Score, ...]

    def mean(self, figure: str) -> float:
        """Return the mean over images of 'psnr', 'ssim', 'bicubic_psnr', 'bicubic_ssim' or 'gain' (a mean of dB)."""
        return float(np.mean([getattr(score, figure) for score in self.scores]))

    def row(self, model: str) -> dict[str, Any]:
        """Return the set's row of a report."""
        figures = {key: self.mean(key) for key in ("psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")}
        return {"model": model, "dataset": self.dataset, "scale": self.protocol.scale, "images": len(self.scores), **figures}

    def image_rows(self) -> list[dict[str, Any]]:
        """Return one row an image."""
        keys = ("image", "psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")
        return [{"dataset": self.dataset, **{key: getattr(score, key) for key in keys}} for score in self.scores]


def prepare_set(images: ImageSet, protocol: Protocol) -> Iterator[Case]:
    """Make a set's images ready, one at a time."""
    for hr, lr in images.pairs(protocol.how):
        yield prepare(hr, lr, protocol)


def benchmark(enlarge: Enlarge, sets: Sequence[ImageSet], protocol: Protocol, progress: Callable[[int, int], None] | None = None) -> list[SetScore]:
    """Score a model on sets.

    Args:
        enlarge: (h, w, channels) float32 in [0, 1] -> the enlarged image.
        sets: the test sets.
        protocol: how numbers are made.
        progress: called with (images done, images in all).

    Raises:
        ImageError: a file cannot be read.
    """
    found, done, of = [], 0, sum(len(images.hr) for images in sets)
    for images in sets:
        scores = []
        for case in prepare_set(images, protocol):
            scores.append(case.score(enlarge))
            done += 1
            if progress:
                progress(done, of)
        found.append(SetScore(images.name, protocol, tuple(scores)))
    return found
