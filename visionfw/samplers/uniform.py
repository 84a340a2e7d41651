"""Every patch as likely as every other."""

from __future__ import annotations

from typing import Any

import numpy as np

from visionfw.errors import RequestError


class Uniform:
    """Draws patch numbers uniformly, without replacement within a draw.

    Args:
        n: number of patches.
        seed: of the random numbers.
    """

    score = None  # it learns nothing from what it drew

    def __init__(self, n: int, seed: int = 0):
        if n < 1:
            raise RequestError(f"a sampler needs at least one patch, not {n}")
        self.n = n
        self._random = np.random.default_rng(seed)

    def draw(self, k: int) -> np.ndarray:
        """Return `k` patch numbers, (k,) int64; more than there are come in whole passes over all of them."""
        if k < 0:
            raise RequestError(f"a draw is of 0 patches or more, not {k}")
        passes = [self._random.permutation(self.n) for _ in range(k // self.n)]
        passes.append(self._random.choice(self.n, k % self.n, replace=False))
        return np.concatenate(passes).astype(np.int64)

    def probabilities(self) -> np.ndarray:
        """Return every patch's probability of being the next one, (n,) float64."""
        return np.full(self.n, 1.0 / self.n)

    def wanted(self) -> np.ndarray:
        """Return a figure of every patch, the higher, the sooner it comes: its probability, (n,) float64."""
        return self.probabilities()

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on exactly."""
        return {"n": self.n, "random": self._random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`. Raises RequestError for the state of another number of patches."""
        if state["n"] != self.n:
            raise RequestError(f"the sampler's state is of {state['n']} patches, there are {self.n}")
        self._random.bit_generator.state = state["random"]
