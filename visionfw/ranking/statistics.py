"""Is a difference real? Paired differences over images and seeds, intervals, tests, ranks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau, rankdata, wilcoxon

_DRAWS = 4000
_COVERED = 0.95
_FEWEST_PAIRS = 6  # a signed-rank test of fewer pairs cannot reach 5%


@dataclass(frozen=True)
class Difference:
    """What lies between two names on one test set (or on all).

    Attributes:
        better, worse: the names.
        gain: mean difference in dB, at least 0.
        low, high: its 95% interval, by a bootstrap over images and over the seeds of each.
        p_value: of Wilcoxon's signed-rank test over images, each the mean of its seeds; None where there are too few for one.
    """

    better: str
    worse: str
    gain: float
    low: float
    high: float
    p_value: float | None

    @property
    def is_real(self) -> bool:
        """The interval leaves 0 out, and so does the test where there are enough images for one."""
        return self.low > 0 and (self.p_value is None or self.p_value < 1 - _COVERED)

    def sentence(self) -> str:
        """Return the finding in words."""
        tested = "too few images for a test" if self.p_value is None else f"p = {self.p_value:.2g}"
        told = f"{self.gain:+.3f} dB, {self.low:+.3f} to {self.high:+.3f}, {tested}"
        if self.is_real:
            return f"{self.better} > {self.worse} ({told})"
        return f"{self.better} and {self.worse} are not distinguishable at this budget ({told})"


def difference(first: str, second: str, a: np.ndarray, b: np.ndarray, seed: int = 0) -> Difference:
    """Compare two names.

    Args:
        first, second: their names.
        a, b: (seeds, images) PSNR gain in dB, of the same images.
        seed: of the bootstrap.
    """
    if a.mean() < b.mean():
        first, second, a, b = second, first, b, a
    random = np.random.default_rng(seed)
    images = random.integers(0, a.shape[1], (_DRAWS, a.shape[1]))
    means = [_resampled(values, images, random) for values in (a, b)]
    low, high = np.quantile(means[0] - means[1], [(1 - _COVERED) / 2, (1 + _COVERED) / 2])
    pairs = a.mean(axis=0) - b.mean(axis=0)
    p_value = None if len(pairs) < _FEWEST_PAIRS else float(wilcoxon(pairs).pvalue) if np.any(pairs) else 1.0
    return Difference(first, second, float(pairs.mean()), float(low), float(high), p_value)


def _resampled(values: np.ndarray, images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the mean of every draw: images as given, alike for both names, and seeds drawn anew."""
    seeds = random.integers(0, len(values), (_DRAWS, len(values)))
    by_seed = values[:, images].mean(axis=2)  # (seeds, draws)
    return np.take_along_axis(by_seed, seeds.T, axis=0).mean(axis=0)


def differences(names: Sequence[str], gains: Sequence[np.ndarray], seed: int = 0) -> list[Difference]:
    """Compare every two names, best first.

    Args:
        names: what is ranked.
        gains: of each, (seeds, images) PSNR gain in dB.
        seed: of the bootstrap.
    """
    order = sorted(range(len(names)), key=lambda place: -gains[place].mean())
    return [difference(names[a], names[b], gains[a], gains[b], seed) for a, b in itertools.combinations(order, 2)]


def ranks(means: np.ndarray) -> np.ndarray:
    """Return ranks along the last axis, 1 for the largest; equal ones share the mean of theirs."""
    return rankdata(-np.asarray(means), axis=-1)


def stability(means: np.ndarray) -> float:
    """Return how alike the seeds rank: the mean of Kendall's tau over every two of them, -1 to 1; 1 for a single seed.

    Args:
        means: (seeds, names) mean gain.
    """
    taus = [kendalltau(a, b).statistic for a, b in itertools.combinations(means, 2)]
    return float(np.nanmean(taus)) if taus and not np.all(np.isnan(taus)) else 1.0
