"""Weighted draws without replacement from very many patches: a draw does not pass over all of them."""

from __future__ import annotations

import numpy as np

#: Patches of a block. A draw picks a block, then a patch of it, so its work is proportional to this.
BLOCK = 1024
_CHUNK = 1024  # draws that are searched inside their blocks at a time: about 13 bytes x BLOCK for each


class Weights:
    """Weights of `n` patches and the sums of their blocks: 4 bytes per patch.

    Args:
        n: number of patches.
        weights: (n,) of at least 0, not all 0; equal ones unless given.
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
        blocks = np.unique(np.asarray(ids) // BLOCK)
        self._sums[blocks] = self._blocks[blocks].sum(axis=1, dtype=np.float64)

    def total(self) -> float:
        """Return the sum of all weights."""
        return float(self._sums.sum())

    def draw(self, k: int, random: np.random.Generator) -> np.ndarray:
        """Draw `k` different patches one after the other, each in proportion to the weights of those that are left.

        Drawing with replacement and keeping first occurrences has the same distribution.

        Returns:
            (k,) int64, in the order of the draws; fewer only where fewer have a weight above 0.
        """
        ids = np.zeros(0, np.int64)
        rejected = 0
        while len(ids) < k:
            if rejected > 4 * k:  # what is left has little weight: draw from it alone
                return np.concatenate([ids, self._draw_rest(ids, k - len(ids), random)])
            before = len(ids)
            ids = _first_occurrences(np.concatenate([ids, self._with_replacement(k, random)]))
            rejected += k - (len(ids) - before)
        return ids[:k]

    def _with_replacement(self, k: int, random: np.random.Generator) -> np.ndarray:
        ends = np.cumsum(self._sums)
        block = np.searchsorted(ends, random.random(k) * ends[-1], side="right")
        block = np.minimum(block, len(ends) - 1)
        level = random.random(k)
        chunks = [slice(start, start + _CHUNK) for start in range(0, k, _CHUNK)]
        inside = [self._search_blocks(block[chunk], level[chunk]) for chunk in chunks]
        return block * BLOCK + np.concatenate(inside) if chunks else block

    def _search_blocks(self, block: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Return the place inside each block, (k,), at which a fraction `level` of the block's sum is reached."""
        ends = np.cumsum(self._blocks[block], axis=1, dtype=np.float64)
        place = (ends <= (level * ends[:, -1])[:, None]).sum(axis=1)
        return np.minimum(place, BLOCK - 1)

    def _draw_rest(self, drawn: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
        """Draw from all patches that were not drawn yet by the Gumbel trick: exact, at the cost of one pass."""
        left = self.values.astype(np.float64)
        left[drawn] = 0.0
        ids = np.flatnonzero(left)
        return ids[np.argsort(-(np.log(left[ids]) + random.gumbel(size=len(ids))))][:k]


def _first_occurrences(ids: np.ndarray) -> np.ndarray:
    """Return the distinct numbers in the order of their first occurrence."""
    _, first = np.unique(ids, return_index=True)
    return ids[np.sort(first)]
