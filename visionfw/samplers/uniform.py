"""Uniform sampling."""

from __future__ import annotations

import numpy as np

from visionfw.samplers.sampler import Sampler, check_count


class Uniform(Sampler):
    """Draws every patch with the same probability.

    Args:
        n: number of patches.
        seed: seed of the random numbers.
    """

    def draw(self, k: int) -> np.ndarray:
        check_count(k)
        passes = [self._random.permutation(self.n) for _ in range(k // self.n)]
        passes.append(self._random.choice(self.n, k % self.n, replace=False))
        return np.concatenate(passes).astype(np.int64)

    def probabilities(self) -> np.ndarray:
        return np.full(self.n, 1.0 / self.n)
