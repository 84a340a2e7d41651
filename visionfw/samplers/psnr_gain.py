"""The adaptive sampler that redistributes probability among drawn patches by their PSNR gain."""

from __future__ import annotations

from typing import Any

import numpy as np

from visionfw.errors import RequestError
from visionfw.samplers.sampler import PatchStatistic, Sampler, check_count, check_scores
from visionfw.samplers.weighted import Weights


class PSNRGain(Sampler):
    """Draws patches in proportion to probabilities that follow the scores of earlier rounds.

    After a round, the probability of the drawn patches is redistributed among them: their scores are put into a histogram, and a patch
    in a bin gets a share in proportion to the sum of width x count over this bin and all bins above it. Low scores get more; patches
    that were not drawn keep their probability; the sum stays 1.

    Args:
        n: number of patches.
        seed: seed of the random numbers.
        score: what it learns from: "gain" (PSNR over bicubic, the original rule), "psnr" or "loss".
        start: the first probabilities: "uniform", "bicubic" (they fall by a factor of e with every standard deviation of the bicubic
            PSNR), or (n,) values in any unit.
        uniform: fraction of every draw that is drawn uniformly, 0..1, so that no patch is lost for good.
        bins: number of histogram bins.
        measure: returns a patch statistic by its name; needed for start="bicubic".

    Raises:
        RequestError: an argument is out of range.
    """

    score = "gain"

    def __init__(
        self,
        n: int,
        seed: int = 0,
        *,
        score: str = "gain",
        start: str | np.ndarray = "uniform",
        uniform: float = 0.0,
        bins: int = 50,
        measure: PatchStatistic | None = None,
    ):
        super().__init__(n, seed)
        if bins < 1 or not 0 <= uniform <= 1:
            raise RequestError(f"bins must be at least 1 and uniform from 0 to 1, not {bins} and {uniform}")
        self.score, self.bins, self.uniform = score, bins, uniform
        self._weights = Weights(n, _start_probabilities(n, start, measure))

    def draw(self, k: int) -> np.ndarray:
        check_count(k)
        passes = [self._random.permutation(self.n) for _ in range(k // self.n)]
        k %= self.n
        uniform = self._random.choice(self.n, round(k * self.uniform), replace=False) if self.uniform else np.zeros(0, np.int64)
        weighted = self._weights.draw(k, self._random)
        ids = np.concatenate([uniform, weighted[~np.isin(weighted, uniform)]])[:k]
        if len(ids) < k:  # fewer have a probability above 0
            rest = np.setdiff1d(np.arange(self.n), ids)
            ids = np.concatenate([ids, self._random.choice(rest, k - len(ids), replace=False)])
        return np.concatenate([*passes, self._random.permutation(ids)]).astype(np.int64)

    def update(self, ids: np.ndarray, scores: np.ndarray) -> None:
        """Redistribute the probability of the drawn patches by their scores.

        Args:
            ids: (k,) patch numbers; of a patch that occurs twice the last score counts.
            scores: (k,) such as the PSNR of the model's output minus that of bicubic, dB.

        Raises:
            RequestError: the shapes differ, or a score is not finite.
        """
        ids, scores = check_scores(ids, scores)
        if not len(ids):
            return
        ids, last = np.unique(ids[::-1], return_index=True)
        new = redistribution(scores[::-1][last], self.bins)
        mass = self._weights[ids].sum()
        self._weights[ids] = new / new.sum() * mass

    def probabilities(self) -> np.ndarray:
        weighted = self._weights.values / self._weights.total()
        return self.uniform / self.n + (1.0 - self.uniform) * weighted

    def state(self) -> dict[str, Any]:
        return super().state() | {"weights": self._weights.values}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._weights = Weights(self.n, state["weights"])


def redistribution(scores: np.ndarray, bins: int) -> np.ndarray:
    """Return what each drawn patch's new probability is proportional to: the sum of width x count over its bin and those above.

    Args:
        scores: (k,) finite.
        bins: number of bins from the lowest to the highest score.

    Returns:
        (k,) above 0; all 1 where the scores are equal, or differ by less than floating-point bins can tell apart.
    """
    if (np.diff(np.linspace(scores.min(), scores.max(), bins + 1)) <= 0).any():
        return np.ones(len(scores))
    counts, edges = np.histogram(scores, bins)
    above = np.cumsum((counts * np.diff(edges))[::-1])[::-1]
    return above[np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)]


def _start_probabilities(n: int, start: str | np.ndarray, measure: PatchStatistic | None) -> np.ndarray | None:
    """Return the first probabilities, (n,) with a sum of 1; None for equal ones."""
    if isinstance(start, str) and start == "uniform":
        return None
    if isinstance(start, str):
        if start != "bicubic" or measure is None:
            raise RequestError(f"start must be 'uniform', 'bicubic' (with `measure`) or an array, not {start!r}")
        start = _falling_with(measure("bicubic_psnr"))
    start = np.asarray(start)
    if start.shape != (n,) or not np.isfinite(start).all() or start.min() < 0 or start.sum() <= 0:
        raise RequestError(f"start must be {n} finite probabilities of at least 0, not all 0")
    return start / start.sum()


def _falling_with(psnr: np.ndarray) -> np.ndarray:
    """Return probabilities, in any unit, that fall by a factor of e with every standard deviation of PSNR: (n,)."""
    deviation = float(psnr.std())
    return np.exp((psnr.mean(dtype=np.float64) - psnr) / deviation) if deviation > 0 else np.ones(len(psnr))
