"""Samplers that draw uniformly from a subset of the patches, chosen before training by a statistic of the patches."""

from __future__ import annotations

import numpy as np

from visionfw.errors import RequestError
from visionfw.samplers.sampler import PatchStatistic, Sampler, check_count

_COUNTED_AT_ONCE = 2**22  # patches
_MAX_QUANTILE_VALUES = 2**20


class Subset(Sampler):
    """Draws uniformly from the patches whose value lies between two limits.

    The patches are not listed: the values say which they are, so memory is their 4 bytes per patch, which may be mapped from disk.

    Args:
        n: number of patches.
        seed: seed of the random numbers.
        values: (n,) float32, a value for every patch.
        low, high: the limits; both count as inside.

    Raises:
        RequestError: no patch is left.
    """

    def __init__(self, n: int, seed: int = 0, *, values: np.ndarray, low: float = -np.inf, high: float = np.inf):
        super().__init__(n, seed)
        self._values, self._low, self._high = values, low, high
        self._count = self.count_below(high)
        if not self._count:
            raise RequestError("the sampler leaves no patch to draw; loosen its options")

    def count_below(self, high: float) -> int:
        """Return the number of patches between the lower limit and an upper one."""
        starts = range(0, self.n, _COUNTED_AT_ONCE)
        return sum(int(self._is_inside(self._values[start : start + _COUNTED_AT_ONCE], high).sum()) for start in starts)

    def _is_inside(self, values: np.ndarray, high: float) -> np.ndarray:
        return (values <= high) & (values >= self._low)

    def set_limit(self, high: float) -> None:
        """Change the upper limit."""
        self._high, self._count = high, self.count_below(high)

    def draw(self, k: int) -> np.ndarray:
        check_count(k)
        if k * 4 >= self._count:
            inside = np.flatnonzero(self._is_inside(self._values, self._high))
            passes = [self._random.permutation(inside) for _ in range(k // self._count)]
            return np.concatenate([*passes, self._random.choice(inside, k % self._count, replace=False)]).astype(np.int64)
        ids = np.zeros(0, np.int64)
        while len(ids) < k:
            candidates = self._random.integers(0, self.n, 2 * (k - len(ids)) * self.n // self._count + 16)
            ids = np.concatenate([ids, candidates[self._is_inside(self._values[candidates], self._high)]])
            ids = ids[np.sort(np.unique(ids, return_index=True)[1])]
        return ids[:k]

    def probabilities(self) -> np.ndarray:
        return self._is_inside(np.asarray(self._values), self._high) / self._count


class LowPSNR(Subset):
    """Draws only the fraction of patches with the lowest PSNR of plain interpolation.

    Args:
        n: number of patches.
        seed: seed of the random numbers.
        fraction: of the patches, above 0 and at most 1.
        by: "bilinear" or "bicubic" interpolation.
        measure: returns a patch statistic by its name.

    Reference: Wang et al., SamplingAug: On the Importance of Patch Sampling Augmentation for Single Image Super-Resolution, BMVC 2021.
    """

    def __init__(self, n: int, seed: int = 0, *, fraction: float, by: str, measure: PatchStatistic):
        psnr = measure(f"{by}_psnr")
        super().__init__(n, seed, values=psnr, high=quantile(psnr, fraction))


class Flatness(Subset):
    """Draws only patches with enough contrast.

    Args:
        n: number of patches.
        seed: seed of the random numbers.
        min_deviation: lowest standard deviation of a patch's luma, gray levels.
        measure: returns a patch statistic by its name.
    """

    def __init__(self, n: int, seed: int = 0, *, min_deviation: float, measure: PatchStatistic):
        super().__init__(n, seed, values=measure("deviation"), low=min_deviation)


def quantile(values: np.ndarray, fraction: float) -> float:
    """Return the value below which a fraction of all values lies; for very many values it is estimated from evenly spaced ones."""
    step = -(-len(values) // _MAX_QUANTILE_VALUES)
    return float(np.quantile(values[::step], fraction)) if fraction < 1 else np.inf
