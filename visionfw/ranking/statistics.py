"""Whether a difference is significant: paired differences over images and seeds, confidence intervals, tests, ranks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau, rankdata, wilcoxon
from scipy.stats import t as student_t

_CONFIDENCE = 0.95
_MIN_PAIRS = 6  # the signed-rank test of fewer pairs cannot reach 5%


@dataclass(frozen=True)
class Difference:
    """The difference between two names on one test set, or on all of them.

    Attributes:
        better, worse: the names.
        gain: mean difference in dB, at least 0.
        low, high: its 95% confidence interval in dB; for one seed it covers the choice of test images alone.
        p_value: of Wilcoxon's signed-rank test over the images; None if there are too few of them, or several test sets.
        seeds: number of seeds of each name.
    """

    better: str
    worse: str
    gain: float
    low: float
    high: float
    p_value: float | None
    seeds: int

    @property
    def is_significant(self) -> bool:
        """Whether there are several seeds, the interval excludes 0, and the test, if there is one, rejects equality at 5%."""
        return self.seeds > 1 and self.low > 0 and (self.p_value is None or self.p_value < 1 - _CONFIDENCE)

    def sentence(self) -> str:
        """Return the finding in words."""
        p_value = "" if self.p_value is None else f", p = {self.p_value:.2g}"
        numbers = f"{self.gain:+.3f} dB, {self.low:+.3f} to {self.high:+.3f}{p_value}"
        if self.is_significant:
            return f"{self.better} > {self.worse} ({numbers})"
        reason = "not distinguishable at this budget" if self.seeds > 1 else "not distinguishable by one seed"
        return f"{self.better} and {self.worse} are {reason} ({numbers})"


def compare(first: str, second: str, first_gains: Sequence[np.ndarray], second_gains: Sequence[np.ndarray]) -> Difference:
    """Compare two names.

    Three independent sources of variation add up in the variance of the difference: the choice of test images (the variance of the
    paired differences, means over seeds, divided by the number of images) and the seeds of either name (the variance of its mean gain over
    seeds, divided by their number). The interval is Student's, with Satterthwaite's degrees of freedom for such a sum: without variation
    over images it is Welch's interval, with a single seed the paired t interval.

    Args:
        first, second: the names.
        first_gains, second_gains: for every test set the gains in dB, (seeds, images), of the same images; test sets have equal weights.
    """
    means = [np.mean([values.mean(axis=1) for values in gains], axis=0) for gains in (first_gains, second_gains)]  # (seeds,) each
    if means[0].mean() < means[1].mean():
        return compare(second, first, second_gains, first_gains)
    pairs = [a.mean(axis=0) - b.mean(axis=0) for a, b in zip(first_gains, second_gains, strict=True)]  # (images,) each
    parts = [_variance_of_mean(values, weight=1 / len(pairs)) for values in pairs] + [_variance_of_mean(values) for values in means]
    gain, margin = float(means[0].mean() - means[1].mean()), _margin(parts)
    return Difference(first, second, gain, gain - margin, gain + margin, _signed_rank_p(pairs), len(means[0]))


def _variance_of_mean(values: np.ndarray, weight: float = 1.0) -> tuple[float, int]:
    """Return the variance of a weighted mean, and its degrees of freedom; (0, 0) for a single value, which has none."""
    if len(values) < 2:
        return 0.0, 0
    return weight**2 * float(values.var(ddof=1)) / len(values), len(values) - 1


def _margin(parts: Sequence[tuple[float, int]]) -> float:
    """Return half the width of the interval for a sum of independent means, given their variances and degrees of freedom.

    Reference: Satterthwaite, An Approximate Distribution of Estimates of Variance Components, Biometrics Bulletin 1946.
    """
    varying = [(variance, freedom) for variance, freedom in parts if variance > 0]
    if not varying:
        return 0.0
    variance = sum(part for part, _ in varying)
    freedom = variance**2 / sum(part**2 / count for part, count in varying)
    return float(student_t.ppf((1 + _CONFIDENCE) / 2, freedom)) * math.sqrt(variance)


def _signed_rank_p(pairs: Sequence[np.ndarray]) -> float | None:
    """Return the p-value of Wilcoxon's signed-rank test over the images of a single test set."""
    if len(pairs) > 1 or len(pairs[0]) < _MIN_PAIRS:
        return None
    return float(wilcoxon(pairs[0]).pvalue) if np.any(pairs[0]) else 1.0


def compare_all(names: Sequence[str], gains: Sequence[Sequence[np.ndarray]]) -> list[Difference]:
    """Compare every two names, best first.

    Args:
        names: what is ranked.
        gains: for each name and every test set the gains in dB, (seeds, images).
    """
    order = sorted(range(len(names)), key=lambda index: -float(np.mean([values.mean() for values in gains[index]])))
    return [compare(names[a], names[b], gains[a], gains[b]) for a, b in itertools.combinations(order, 2)]


def ranks(means: np.ndarray) -> np.ndarray:
    """Return ranks along the last axis, 1 for the largest value; equal values share the mean of their ranks."""
    return rankdata(-np.asarray(means), axis=-1)


def rank_agreement(means: np.ndarray) -> float:
    """Return how far the seeds agree on the ranking: the mean of Kendall's tau over every two of them, -1 to 1; 1 for a single seed.

    Args:
        means: (seeds, names) mean gains.
    """
    taus = [kendalltau(a, b).statistic for a, b in itertools.combinations(means, 2)]
    return float(np.nanmean(taus)) if taus and not np.all(np.isnan(taus)) else 1.0
