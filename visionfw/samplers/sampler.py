"""The interface of a patch sampler, and what all samplers share. Samplers know patch numbers only, neither images nor models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from visionfw.errors import RequestError

#: Returns a statistic of every patch that is known before training, (n,) float32, by its name, such as "bicubic_psnr".
PatchStatistic = Callable[[str], np.ndarray]


class Sampler(ABC):
    """Draws patch numbers, a round at a time.

    A subclass implements `draw` and `probabilities`. One that learns from training sets `score`, implements `update`, and adds what it
    has learned to `state` and `restore`.

    Args:
        n: number of patches, at least 1.
        seed: seed of the random numbers.

    Raises:
        RequestError: there is no patch.
    """

    #: Name of the score that `update` takes for every drawn patch, from `visionfw.samplers.scores.SCORES`; None for a sampler that does
    #: not learn. A keyword-only argument `score` of the class makes it an option.
    score: str | None = None

    def __init__(self, n: int, seed: int = 0):
        if n < 1:
            raise RequestError(f"a sampler needs at least one patch, not {n}")
        self.n = n
        self._random = np.random.default_rng(seed)

    @abstractmethod
    def draw(self, k: int) -> np.ndarray:
        """Draw the patches of the next round, without replacement.

        Args:
            k: number of draws, at least 0. Where there are fewer patches, whole passes over all of them come first.

        Returns:
            Patch numbers, (k,) int64.

        Raises:
            RequestError: `k` is negative.
        """

    def update(self, ids: np.ndarray, scores: np.ndarray) -> None:
        """Learn from the scores of a round; a sampler without a `score` learns nothing.

        Args:
            ids: the round's patch numbers, (k,).
            scores: their scores, (k,) finite; the lower, the more the patch has to offer.

        Raises:
            RequestError: the shapes differ, or a score is not finite.
        """
        check_scores(ids, scores)

    @abstractmethod
    def probabilities(self) -> np.ndarray:
        """Return every patch's probability of being the next one drawn, (n,) float64."""

    def priority(self) -> np.ndarray:
        """Return a value for every patch by which patches are ranked in reports: the higher, the sooner it is drawn; (n,)."""
        return self.probabilities()

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs to continue exactly: plain JSON values, and arrays.

        An array may be the sampler's own, which the next `update` changes.
        """
        return {"n": self.n, "random": self._random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state()`. Raises RequestError where it belongs to another number of patches."""
        if state["n"] != self.n:
            raise RequestError(f"the sampler's state belongs to {state['n']} patches, but there are {self.n}")
        self._random.bit_generator.state = state["random"]


def check_count(k: int) -> None:
    """Raise RequestError where a number of draws is negative."""
    if k < 0:
        raise RequestError(f"the number of draws must be at least 0, not {k}")


def check_scores(ids: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return patch numbers as (k,) int64 and their scores as (k,) float64. Raises RequestError where they do not match or are not finite."""
    ids, scores = np.asarray(ids, np.int64), np.asarray(scores, np.float64)
    if ids.shape != scores.shape or ids.ndim != 1:
        raise RequestError(f"every drawn patch needs one score, but there are {ids.shape} patches and {scores.shape} scores")
    if not np.isfinite(scores).all():
        raise RequestError("a score is not finite")
    return ids, scores
