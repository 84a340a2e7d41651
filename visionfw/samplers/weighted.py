"""Draws without replacement in proportion to weights, for very many patches: no pass over all of them at a draw."""

from __future__ import annotations

import numpy as np

#: Patches of a block; a draw looks for its block first and then inside it, so this times the number of draws is its work.
BLOCK = 1024


class Weights:
    """Weights of `n` patches and the sums of their blocks: 4 bytes a patch.

    Args:
        n: number of patches.
        weights: (n,) of at least 0 and not all 0; all alike unless given.
    """

    def __init__(self, n: int, weights: np.ndarray | None = None):
        self.n = n
        padded = np.zeros(-(-n // BLOCK) * BLOCK, np.float32)
        padded[:n] = 1.0 / n if weights is None else weights
        self._blocks = padded.reshape(-1, BLOCK)
        self._sums = self._blocks.sum(axis=1, dtype=np.float64)

    @property
    def values(self) -> np.ndarray:
        """All weights, (n,) float32."""
        return self._blocks.reshape(-1)[: self.n]

    def __getitem__(self, ids: np.ndarray) -> np.ndarray:
        return self.values[ids].astype(np.float64)

    def __setitem__(self, ids: np.ndarray, weights: np.ndarray) -> None:
        self.values[ids] = weights
        touched = np.unique(np.asarray(ids) // BLOCK)
        self._sums[touched] = self._blocks[touched].sum(axis=1, dtype=np.float64)

    def total(self) -> float:
        """Return the sum of all weights."""
        return float(self._sums.sum())

    def draw(self, k: int, random: np.random.Generator) -> np.ndarray:
        """Draw `k` different patches one after the other, each in proportion to the weights of those that are left.

        Drawing with replacement and keeping what is new is the same in distribution.

        Returns:
            (k,) int64, in the order they were drawn; fewer only where fewer have a weight.
        """
        found = np.zeros(0, np.int64)
        rejected = 0
        while len(found) < k:
            if rejected > 4 * k:  # the little that is left has little weight: look at it alone
                return np.concatenate([found, self._rest(found, k - len(found), random)])
            drawn = self._with_replacement(k, random)
            found, before = _first_seen(np.concatenate([found, drawn])), len(found)
            rejected += k - (len(found) - before)
        return found[:k]

    def _with_replacement(self, k: int, random: np.random.Generator) -> np.ndarray:
        ends = np.cumsum(self._sums)
        place = random.random(k) * ends[-1]
        block = np.minimum(np.searchsorted(ends, place, side="right"), len(ends) - 1)
        inside = np.cumsum(self._blocks[block], axis=1, dtype=np.float64)
        level = random.random(k) * inside[:, -1]
        return block * BLOCK + np.minimum((inside <= level[:, None]).sum(axis=1), BLOCK - 1)

    def _rest(self, found: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
        """Draw by Gumbel's trick among all patches that were not found yet: exact, at the cost of one pass."""
        left = self.values.astype(np.float64)
        left[found] = 0.0
        ids = np.flatnonzero(left)
        return ids[np.argsort(-(np.log(left[ids]) + random.gumbel(size=len(ids))))][:k]


def _first_seen(ids: np.ndarray) -> np.ndarray:
    """Return the different numbers in the order of their first coming."""
    _, first = np.unique(ids, return_index=True)
    return ids[np.sort(first)]
