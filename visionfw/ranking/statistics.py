"""Is a difference real? Paired differences over images and seeds, intervals, tests, ranks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau, rankdata, wilcoxon
from scipy.stats import t as student

_DRAWS = 2000
_COVERED = 0.95
_FEWEST_PAIRS = 6  # a signed-rank test of fewer pairs cannot reach 5%


@dataclass(frozen=True)
class Difference:
    """What lies between two names on one test set (or on all).

    Attributes:
        better, worse: the names.
        gain: mean difference in dB, at least 0.
        low, high: its 95% interval; over images alone where there is one seed.
        p_value: of Wilcoxon's signed-rank test over images, each the mean of its seeds; None where there are too few, or several sets.
        seeds: of each name.
    """

    better: str
    worse: str
    gain: float
    low: float
    high: float
    p_value: float | None
    seeds: int

    @property
    def is_real(self) -> bool:
        """There are seeds to tell chance by, the interval leaves 0 out, and so does the test where there is one."""
        return self.seeds > 1 and self.low > 0 and (self.p_value is None or self.p_value < 1 - _COVERED)

    def sentence(self) -> str:
        """Return the finding in words."""
        tested = "" if self.p_value is None else f", p = {self.p_value:.2g}"
        told = f"{self.gain:+.3f} dB, {self.low:+.3f} to {self.high:+.3f}{tested}"
        if self.is_real:
            return f"{self.better} > {self.worse} ({told})"
        why = "not distinguishable at this budget" if self.seeds > 1 else "not distinguishable by one seed"
        return f"{self.better} and {self.worse} are {why} ({told})"


def difference(first: str, second: str, a: Sequence[np.ndarray], b: Sequence[np.ndarray], seed: int = 0) -> Difference:
    """Compare two names.

    The interval adds up two kinds of chance: which images were tested, by a bootstrap over them, drawn alike for both names; and which
    seeds were drawn, by the spread of each name's runs. Its width is Student's, with Welch's degrees of freedom: three seeds say little.

    Args:
        first, second: their names.
        a, b: for every test set (seeds, images) PSNR gain in dB, of the same images; sets count alike.
        seed: of the bootstrap.
    """
    means = [np.mean([values.mean(axis=1) for values in sets], axis=0) for sets in (a, b)]  # (seeds,) each
    if means[0].mean() < means[1].mean():
        first, second, a, b, means = second, first, b, a, means[::-1]
    pairs = [x.mean(axis=0) - y.mean(axis=0) for x, y in zip(a, b, strict=True)]
    random = np.random.default_rng(seed)
    parts = [(_spread_of_mean(values, random) / len(pairs) ** 2, len(values) - 1) for values in pairs]
    parts += [(values.var(ddof=1) / len(values), len(values) - 1) for values in means if len(values) > 1]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / max(sum(part**2 / max(count, 1) for part, count in parts), 1e-30) if variance else 1.0
    gain, width = float(means[0].mean() - means[1].mean()), float(student.ppf((1 + _COVERED) / 2, max(freedom, 1.0)) * np.sqrt(variance))
    return Difference(first, second, gain, gain - width, gain + width, _signed_rank(pairs), len(means[0]))


def _spread_of_mean(values: np.ndarray, random: np.random.Generator) -> float:
    """Return the variance of a mean over images, by a bootstrap, with the factor that small numbers of images lack."""
    if len(values) < 2:
        return 0.0
    draws = values[random.integers(0, len(values), (_DRAWS, len(values)))].mean(axis=1)
    return float(draws.var() * len(values) / (len(values) - 1))


def _signed_rank(pairs: Sequence[np.ndarray]) -> float | None:
    if len(pairs) > 1 or len(pairs[0]) < _FEWEST_PAIRS:
        return None
    return float(wilcoxon(pairs[0]).pvalue) if np.any(pairs[0]) else 1.0


def differences(names: Sequence[str], gains: Sequence[Sequence[np.ndarray]], seed: int = 0) -> list[Difference]:
    """Compare every two names, best first.

    Args:
        names: what is ranked.
        gains: of each name, for every test set (seeds, images) PSNR gain in dB.
        seed: of the bootstrap.
    """
    order = sorted(range(len(names)), key=lambda place: -np.mean([values.mean() for values in gains[place]]))
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
