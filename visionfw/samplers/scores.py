"""The scores of patches that a sampler can learn from: what the training step records for each patch, and how it becomes a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_MAX_VALUE = 1e3


@dataclass(frozen=True)
class PatchScore:
    """One kind of score. The lower a patch's score, the more it has to offer.

    Attributes:
        name: what samplers call it.
        metric: name of the training step's metric that records a value for every patch: "psnr" (dB) or "patch_loss".
        sign: factor of that value.
        baseline: name of the patch statistic that is subtracted; None for nothing.
        range: lowest and highest score that histograms show.
        is_of_images: it compares the model's image with the HR patch, whatever the training loss compares.
    """

    name: str
    metric: str
    sign: float
    baseline: str | None
    range: tuple[float, float]
    is_of_images: bool = True

    def compute(self, values: np.ndarray, ids: np.ndarray, statistic: Callable[[str], np.ndarray]) -> np.ndarray:
        """Turn a round's recorded values into scores.

        Args:
            values: the metric's value of every drawn patch, (k,); what is not finite is replaced by a large finite value.
            ids: the patch numbers, (k,).
            statistic: returns a statistic of all patches by its name, (n,).

        Returns:
            (k,) float64, finite.
        """
        scores = self.sign * np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=_MAX_VALUE, neginf=-_MAX_VALUE)
        return scores if self.baseline is None else scores - statistic(self.baseline)[ids]


#: Every score by its name.
SCORES = {
    score.name: score
    for score in (
        PatchScore("gain", metric="psnr", sign=1.0, baseline="bicubic_psnr", range=(-10.0, 15.0)),
        PatchScore("psnr", metric="psnr", sign=1.0, baseline=None, range=(10.0, 60.0)),
        PatchScore("loss", metric="patch_loss", sign=-1.0, baseline=None, range=(-0.25, 0.0), is_of_images=False),
    )
}
