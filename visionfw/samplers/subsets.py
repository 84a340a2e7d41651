"""Samplers that draw uniformly from a part of the patches: chosen before the first step, or by what the model does to those it has seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from visionfw.errors import RequestError

_ENOUGH = 0.25  # of the patches: where back-projection mends fewer, it says nothing


class Subset:
    """Draws uniformly, without replacement within a draw, from those patches of which a figure is at most (or at least) some level.

    No list of them is kept: the figure itself says it, so the cost is its 4 bytes a patch, which may lie on the disk.

    Args:
        figure: (n,) of each patch.
        most: the highest level that is drawn; no limit unless given.
        least: the lowest that is drawn; no limit unless given.
        seed: of the random numbers.

    Raises:
        RequestError: no patch is left.
    """

    score = None

    def __init__(self, figure: np.ndarray, most: float = np.inf, least: float = -np.inf, seed: int = 0):
        self.n = len(figure)
        self._figure, self._most, self._least = figure, most, least
        self._count = self.size(most)
        if not self._count:
            raise RequestError("the sampler leaves no patch to draw")
        self._random = np.random.default_rng(seed)

    def size(self, most: float) -> int:
        """Return how many patches there are up to a level."""
        return sum(int(self._is_in(self._figure[start : start + 2**22], most).sum()) for start in range(0, self.n, 2**22))

    def _is_in(self, figure: np.ndarray, most: float) -> np.ndarray:
        return (figure <= most) & (figure >= self._least)

    def widen(self, most: float) -> None:
        """Set another highest level."""
        self._most, self._count = most, self.size(most)

    def draw(self, k: int) -> np.ndarray:
        """Return `k` patch numbers, (k,) int64; more than there are come in whole passes over all of them."""
        if k < 0:
            raise RequestError(f"a draw is of 0 patches or more, not {k}")
        if k * 4 >= self._count:
            inside = np.flatnonzero(self._is_in(self._figure, self._most))
            passes = [self._random.permutation(inside) for _ in range(k // self._count)]
            return np.concatenate([*passes, self._random.choice(inside, k % self._count, replace=False)]).astype(np.int64)
        found = np.zeros(0, np.int64)
        while len(found) < k:
            tried = self._random.integers(0, self.n, 2 * (k - len(found)) * self.n // self._count + 16)
            both = np.concatenate([found, tried[self._is_in(self._figure[tried], self._most)]])
            found = both[np.sort(np.unique(both, return_index=True)[1])]
        return found[:k]

    def probabilities(self) -> np.ndarray:
        """Return every patch's probability of being the next one, (n,) float64."""
        return self._is_in(np.asarray(self._figure), self._most) / self._count

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


class Widening(Subset):
    """Draws from the share of patches of which a figure is lowest, for a part of the run, and then steadily from more, at last from all.

    Args:
        figure: (n,) such as the PSNR of each patch's bicubic enlargement.
        share: of the patches at the start, above 0.
        until: part of the run after which it widens, 0..1.
        rounds: draws of the whole run.
        seed: of the random numbers.
    """

    def __init__(self, figure: np.ndarray, share: float, until: float, rounds: int, seed: int = 0):
        self._share, self._until, self._rounds, self._round = share, until, rounds, 0
        super().__init__(figure, lowest(figure, share), seed=seed)

    def draw(self, k: int) -> np.ndarray:
        """Return `k` patch numbers, (k,) int64; every draw is a round."""
        if self._done() > self._until:
            self.widen(lowest(self._figure, self._share_at(self._done())))
        self._round += 1
        return super().draw(k)

    def _done(self) -> float:
        return min(1.0, self._round / max(1, self._rounds - 1))

    def _share_at(self, done: float) -> float:
        """Return which share of the patches is drawn from, when a part of the run is done."""
        if done <= self._until:
            return self._share
        return min(1.0, self._share + (1 - self._share) * (done - self._until) / (1 - self._until))

    def wanted(self) -> np.ndarray:
        """Return a figure of every patch, the higher, the sooner it comes, (n,) float32: also where all are drawn alike at last."""
        return np.negative(self._figure)

    def state(self) -> dict[str, Any]:
        return super().state() | {"round": self._round}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._round = state["round"]
        self.widen(lowest(self._figure, self._share_at(self._done())))


class _Following(Widening, ABC):
    """Widening by figures that change: those of the patches that were drawn follow the model's gains.

    Args:
        figure, share, until, rounds, seed: as Widening.
    """

    score = "gain"

    def __init__(self, figure: np.ndarray, share: float, until: float, rounds: int, seed: int = 0):
        super().__init__(np.array(figure, np.float32), share, until, rounds, seed)

    def draw(self, k: int) -> np.ndarray:
        """Return `k` patch numbers, (k,) int64; every draw is a round."""
        self.widen(lowest(self._figure, self._share_at(self._done())))
        return super().draw(k)

    def update(self, ids: np.ndarray, scores: np.ndarray) -> None:
        """Take the gains over bicubic, dB, of the patches that were drawn. Raises RequestError where they do not fit or are not finite."""
        ids, scores = np.asarray(ids, np.int64), np.asarray(scores, np.float64)
        if ids.shape != scores.shape or ids.ndim != 1 or not np.isfinite(scores).all():
            raise RequestError(f"every drawn patch has one finite score, not {ids.shape} patches and {scores.shape} scores")
        if len(ids):
            self._figure[ids] = self._learned(ids, scores)

    @abstractmethod
    def _learned(self, ids: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Return the new figures of the patches that were drawn, (k,)."""

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs; its array is this sampler's own, and changes with the next `update`."""
        return super().state() | {"figure": self._figure}

    def restore(self, state: dict[str, Any]) -> None:
        self._figure = np.array(state["figure"], np.float32)
        super().restore(state)


class Hardest(_Following):
    """Widening that follows the model: the hardest patches are those that the model itself does worst, as far as it has seen them.

    What is known of a patch is bicubic's PSNR, and once it was drawn the model's, less the mean gain of its round, so that both stand
    on one scale and patches are compared over rounds.

    Args:
        psnr: (n,) PSNR of each patch's bicubic enlargement, dB.
        share, until, rounds, seed: as Widening.
    """

    def __init__(self, psnr: np.ndarray, share: float, until: float, rounds: int, seed: int = 0):
        self._bicubic = psnr
        super().__init__(psnr, share, until, rounds, seed)

    def _learned(self, ids: np.ndarray, gains: np.ndarray) -> np.ndarray:
        return self._bicubic[ids] + (gains - gains.mean())


class Headroom(_Following):
    """Widening by what can be gained: patches first that lose most of bicubic's squared error to the model, as far as it has seen them.

    Hard patches are not all worth training on: what no method restores stays hard. What is known of a patch is how much squared error
    one step of back-projection mends, and once it was drawn how much the model did, brought to what was known of its round together. A
    model that mends less than that as yet is believed as far as it does. Where the back-projection mostly does harm, as with noise, all
    that is known before is bicubic's error.

    Args:
        psnr: (n,) PSNR of each patch's bicubic enlargement, dB.
        mended: (n,) squared error that one step of back-projection takes off it, squared gray levels.
        share, until, rounds, seed: as Widening.
    """

    def __init__(self, psnr: np.ndarray, mended: np.ndarray, share: float, until: float, rounds: int, seed: int = 0):
        self._bicubic = psnr
        is_harm = lowest(np.negative(mended), _ENOUGH) >= 0
        super().__init__(np.negative(_squared_error(psnr) if is_harm else mended), share, until, rounds, seed)

    def _learned(self, ids: np.ndarray, gains: np.ndarray) -> np.ndarray:
        believed = -self._figure[ids].astype(np.float64)
        mended = _squared_error(self._bicubic[ids].astype(np.float64)) * (1.0 - 10.0 ** (-gains / 10))
        ratio = max(0.0, mended.sum()) / max(np.abs(believed).sum(), 1e-9)
        return -mended / ratio if ratio > 1.0 else -(mended + (1.0 - ratio) * believed)


def _squared_error(psnr: np.ndarray) -> np.ndarray:
    """Return the mean squared error of a PSNR in dB, squared gray levels."""
    return 255.0**2 * 10.0 ** (-psnr / 10)


def lowest(figure: np.ndarray, share: float) -> float:
    """Return the level below which a share of all values lies; of very many values from a part of them, evenly spread."""
    step = -(-len(figure) // 2**20)
    return float(np.quantile(figure[::step], share)) if share < 1 else np.inf
