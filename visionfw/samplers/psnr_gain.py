"""The adaptive sampler: patches whose PSNR gained little over bicubic come again sooner."""

from __future__ import annotations

from typing import Any

import numpy as np

from visionfw.errors import RequestError
from visionfw.samplers.weighted import Weights


class PSNRGain:
    """Draws patches in proportion to probabilities that follow the PSNR gain of what was drawn before.

    After a round, the probability of the drawn patches is shared out anew among them: their gains are put into a histogram, and a
    patch in a bin gets a share in proportion to the sum of width x count over this bin and all above it. Low gains get more; what
    was not drawn keeps its own; the sum stays 1.

    Args:
        n: number of patches.
        seed: of the random numbers.
        bins: of the histogram.
        start: (n,) probabilities to begin with, in any unit; all alike unless given.
        uniform_share: part of every draw that is drawn uniformly, 0..1, so that no patch is lost for ever.
        score: what it asks for: 'gain', the PSNR gained over bicubic, as the original; 'psnr', or 'loss'.
    """

    def __init__(self, n: int, seed: int = 0, bins: int = 50, start: np.ndarray | None = None, uniform_share: float = 0.0, score: str = "gain"):
        if n < 1:
            raise RequestError(f"a sampler needs at least one patch, not {n}")
        if bins < 1 or not 0 <= uniform_share <= 1:
            raise RequestError(f"bins must be at least 1 and uniform_share from 0 to 1, not {bins} and {uniform_share}")
        if start is not None:
            start = np.asarray(start)
            if start.shape != (n,) or not np.isfinite(start).all() or start.min() < 0 or start.sum() <= 0:
                raise RequestError(f"start: {n} finite probabilities of at least 0, not all 0, are needed")
            start = start / start.sum()
        self.n, self.bins, self.uniform_share, self.score = n, bins, uniform_share, score
        self._weights = Weights(n, start)
        self._random = np.random.default_rng(seed)

    def draw(self, k: int) -> np.ndarray:
        """Return `k` different patch numbers, (k,) int64; more than there are come in whole passes over all of them."""
        if k < 0:
            raise RequestError(f"a draw is of 0 patches or more, not {k}")
        passes = [self._random.permutation(self.n) for _ in range(k // self.n)]
        k %= self.n
        uniform = self._random.choice(self.n, round(k * self.uniform_share), replace=False) if self.uniform_share else np.zeros(0, np.int64)
        drawn = self._weights.draw(k, self._random)
        both = np.concatenate([uniform, drawn[~np.isin(drawn, uniform)]])[:k]
        if len(both) < k:  # fewer have a probability above 0
            rest = np.setdiff1d(np.arange(self.n), both)
            both = np.concatenate([both, self._random.choice(rest, k - len(both), replace=False)])
        return np.concatenate([*passes, self._random.permutation(both)]).astype(np.int64)

    def update(self, ids: np.ndarray, scores: np.ndarray) -> None:
        """Take the scores of the patches that were drawn.

        Args:
            ids: (k,) patch numbers; of one that comes twice the last score counts.
            scores: (k,) such as the PSNR of the model's output minus that of bicubic, dB.

        Raises:
            RequestError: other numbers of both, or a score that is not finite.
        """
        ids, scores = np.asarray(ids, np.int64), np.asarray(scores, np.float64)
        if ids.shape != scores.shape or ids.ndim != 1:
            raise RequestError(f"every drawn patch has one score, not {ids.shape} patches and {scores.shape} scores")
        if not np.isfinite(scores).all():
            raise RequestError("a score is not finite")
        if not len(ids):
            return
        ids, last = np.unique(ids[::-1], return_index=True)
        value = shares(scores[::-1][last], self.bins)
        mass = self._weights[ids].sum()
        self._weights[ids] = value / value.sum() * mass

    def probabilities(self) -> np.ndarray:
        """Return every patch's probability of being drawn first, (n,) float64."""
        weighted = self._weights.values / self._weights.total()
        return self.uniform_share / self.n + (1.0 - self.uniform_share) * weighted

    def wanted(self) -> np.ndarray:
        """Return a figure of every patch, the higher, the sooner it comes: its probability, (n,) float64."""
        return self.probabilities()

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on exactly; its array is this sampler's own, and changes with the next `update`."""
        return {"n": self.n, "weights": self._weights.values, "random": self._random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`. Raises RequestError for the state of another number of patches."""
        if state["n"] != self.n:
            raise RequestError(f"the sampler's state is of {state['n']} patches, there are {self.n}")
        self._weights = Weights(self.n, state["weights"])
        self._random.bit_generator.state = state["random"]


def shares(scores: np.ndarray, bins: int) -> np.ndarray:
    """Return what each drawn patch's new probability is in proportion to: the sum of width x count over its bin and those above.

    Args:
        scores: (k,) finite.
        bins: of the histogram from the lowest to the highest score.

    Returns:
        (k,) above 0; all alike where all scores are equal.
    """
    low, high = scores.min(), scores.max()
    if high <= low:
        return np.ones(len(scores))
    counts, edges = np.histogram(scores, bins)
    above = np.cumsum((counts * np.diff(edges))[::-1])[::-1]
    return above[np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)]
