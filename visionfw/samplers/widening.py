"""Curriculum samplers: they start with the most promising fraction of the patches and widen it to all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from visionfw.samplers.sampler import PatchStatistic, check_scores
from visionfw.samplers.subset import Subset, quantile

_ENOUGH_IMPROVED = 0.25  # of the patches: where back-projection improves fewer, it is no guide


class _Curriculum(Subset):
    """Draws from the fraction of patches with the lowest values; after a part of the run the fraction grows linearly to all patches.

    Args:
        n: number of patches.
        seed: seed of the random numbers.
        values: (n,) float32, a value for every patch: the lower, the sooner it is drawn.
        fraction: of the patches at the start, above 0 and at most 1.
        warm_fraction: part of the run during which the fraction stays, 0..1.
        rounds: number of draws of the whole run.
    """

    def __init__(self, n: int, seed: int = 0, *, values: np.ndarray, fraction: float, warm_fraction: float, rounds: int):
        self._fraction, self._warm_fraction, self._rounds, self._round = fraction, warm_fraction, rounds, 0
        super().__init__(n, seed, values=values, high=quantile(values, fraction))

    def draw(self, k: int) -> np.ndarray:
        if self._progress() > self._warm_fraction:
            self._widen()
        self._round += 1
        return super().draw(k)

    def _widen(self) -> None:
        self.set_limit(quantile(self._values, self._current_fraction()))

    def _progress(self) -> float:
        return min(1.0, self._round / max(1, self._rounds - 1))

    def _current_fraction(self) -> float:
        progress = self._progress()
        if progress <= self._warm_fraction:
            return self._fraction
        return min(1.0, self._fraction + (1 - self._fraction) * (progress - self._warm_fraction) / (1 - self._warm_fraction))

    def priority(self) -> np.ndarray:
        """Return the negated values, (n,) float32, which rank the patches even at the end, where all are equally likely."""
        return np.negative(self._values)

    def state(self) -> dict[str, Any]:
        return super().state() | {"round": self._round}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._round = state["round"]
        self._widen()


class Widening(_Curriculum):
    """A curriculum by a statistic that is known before training.

    Args:
        n: number of patches.
        seed: seed of the random numbers.
        fraction, warm_fraction: as in `_Curriculum`.
        by: "bicubic", patches with the lowest bicubic PSNR first, or "headroom", those with the most headroom first.
        rounds: number of draws of the whole run.
        measure: returns a patch statistic by its name.
    """

    def __init__(self, n: int, seed: int = 0, *, fraction: float, warm_fraction: float, by: str, rounds: int, measure: PatchStatistic):
        values = measure("bicubic_psnr") if by == "bicubic" else -measure("headroom")
        super().__init__(n, seed, values=values, fraction=fraction, warm_fraction=warm_fraction, rounds=rounds)


class _AdaptiveCurriculum(_Curriculum, ABC):
    """A curriculum whose values follow the model: each round updates those of the drawn patches from their PSNR gain over bicubic.

    Args:
        n, seed, values, fraction, warm_fraction, rounds: as in `_Curriculum`; the values are copied.
        bicubic_psnr: (n,) PSNR of each patch's bicubic interpolation, dB.
    """

    score = "gain"

    def __init__(self, n: int, seed: int = 0, *, values: np.ndarray, bicubic_psnr: np.ndarray, fraction: float, warm_fraction: float, rounds: int):
        self._bicubic_psnr = bicubic_psnr
        super().__init__(n, seed, values=np.array(values, np.float32), fraction=fraction, warm_fraction=warm_fraction, rounds=rounds)

    def draw(self, k: int) -> np.ndarray:
        self._widen()
        return super().draw(k)

    def update(self, ids: np.ndarray, scores: np.ndarray) -> None:
        ids, gains = check_scores(ids, scores)
        if len(ids):
            self._values[ids] = self._new_values(ids, gains)

    @abstractmethod
    def _new_values(self, ids: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Return the values, (k,), of patches whose gains over bicubic, (k,) dB, were just recorded."""

    def state(self) -> dict[str, Any]:
        return super().state() | {"values": self._values}

    def restore(self, state: dict[str, Any]) -> None:
        self._values = np.array(state["values"], np.float32)
        super().restore(state)


class Hardest(_AdaptiveCurriculum):
    """Online hard-example mining: a curriculum by the model's own PSNR on each patch.

    A patch's value is its bicubic PSNR, and once it was drawn the model's PSNR minus the mean gain of the round. That puts both on one
    scale and makes patches of different rounds comparable.

    Args:
        n, seed, fraction, warm_fraction, rounds, measure: as in `Widening`.
    """

    def __init__(self, n: int, seed: int = 0, *, fraction: float, warm_fraction: float, rounds: int, measure: PatchStatistic):
        psnr = measure("bicubic_psnr")
        super().__init__(n, seed, values=psnr, bicubic_psnr=psnr, fraction=fraction, warm_fraction=warm_fraction, rounds=rounds)

    def _new_values(self, ids: np.ndarray, gains: np.ndarray) -> np.ndarray:
        return self._bicubic_psnr[ids] + (gains - gains.mean())


class Headroom(_AdaptiveCurriculum):
    """A curriculum by recoverable error: patches first on which a model removes the most of bicubic's squared error.

    Not every hard patch is worth training on: noise stays hard whatever one does. A patch's headroom is the squared error that one step of
    back-projection removes, and once it was drawn the squared error that the model removed, scaled to the sum over the round of what was
    expected. Where the model removes less than expected in all, both are mixed in that ratio. Where back-projection mostly does harm, as
    on noisy LR images, the headroom before training is bicubic's whole squared error.

    Args:
        n, seed, fraction, warm_fraction, rounds, measure: as in `Widening`.
    """

    def __init__(self, n: int, seed: int = 0, *, fraction: float, warm_fraction: float, rounds: int, measure: PatchStatistic):
        psnr, removed = measure("bicubic_psnr"), measure("headroom")
        is_harmful = quantile(np.negative(removed), _ENOUGH_IMPROVED) >= 0
        values = np.negative(_squared_error(psnr) if is_harmful else removed)
        super().__init__(n, seed, values=values, bicubic_psnr=psnr, fraction=fraction, warm_fraction=warm_fraction, rounds=rounds)

    def _new_values(self, ids: np.ndarray, gains: np.ndarray) -> np.ndarray:
        expected = -self._values[ids].astype(np.float64)
        removed = _squared_error(self._bicubic_psnr[ids].astype(np.float64)) * (1.0 - 10.0 ** (-gains / 10))
        ratio = max(0.0, removed.sum()) / max(np.abs(expected).sum(), 1e-9)
        return -removed / ratio if ratio > 1.0 else -(removed + (1.0 - ratio) * expected)


def _squared_error(psnr: np.ndarray) -> np.ndarray:
    """Return the mean squared error that belongs to a PSNR in dB, squared gray levels."""
    return 255.0**2 * 10.0 ** (-psnr / 10)
