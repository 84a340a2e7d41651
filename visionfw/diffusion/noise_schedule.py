"""Noise schedules as numbers: gamma at every diffusion step. No Keras here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visionfw.registry import Spec

_MIN_LAST_GAMMA, _MAX_LAST_GAMMA = 1e-15, 0.05  # sampling starts from pure noise, and divides by the root of gamma
_COSINE_OFFSET, _MAX_BETA = 0.008, 0.999  # Nichol and Dhariwal, section 3.2


@dataclass(frozen=True)
class NoiseSchedule:
    """A noise schedule with the values of its options.

    Attributes:
        name: from `diffusion.NOISE_SCHEDULES`.
        options: its options, `steps` among them.
        function: its implementation, which returns gamma from the options.
    """

    name: str
    options: Mapping[str, Any]
    function: Callable[..., Any] = field(repr=False, compare=False)

    def __str__(self) -> str:
        """Write the schedule; parsing it gives it back."""
        return str(Spec(self.name, self.options))

    @property
    def steps(self) -> int:
        """The number of diffusion steps, T."""
        return self.options["steps"]

    def gammas(self) -> np.ndarray:
        """Return gamma(0) .. gamma(T), (T + 1,) float64, from 1 to nearly 0."""
        return np.asarray(self.function(**self.options), np.float64)

    def sampling_steps(self, count: int) -> np.ndarray:
        """Return the steps to sample by: `count` step numbers, evenly spaced, from T down, and 0 behind them, (count + 1,) int."""
        return np.round(np.linspace(self.steps, 0, min(count, self.steps) + 1)).astype(int)


def schedule_problems(schedule: NoiseSchedule) -> list[str]:
    """Return what keeps a schedule from being used, in words."""
    gammas = schedule.gammas()
    if gammas.shape != (schedule.steps + 1,) or gammas[0] != 1 or not (np.diff(gammas) <= 0).all():
        return [f"{schedule.name} must give {schedule.steps + 1} values of gamma that fall from 1"]
    if not _MIN_LAST_GAMMA < gammas[-1] < _MAX_LAST_GAMMA:
        return [f"ends with gamma={gammas[-1]:.2g}; it must be above {_MIN_LAST_GAMMA:g} and below {_MAX_LAST_GAMMA:g}"]
    return []


def linear_gammas(*, steps: int, first: float, last: float) -> np.ndarray:
    """Return gamma of a beta that grows linearly from `first` to `last`, (steps + 1,).

    Reference: Ho et al., Denoising Diffusion Probabilistic Models, NeurIPS 2020.
    """
    return _from_betas(np.linspace(first, last, steps))


def cosine_gammas(*, steps: int) -> np.ndarray:
    """Return gamma that falls as a squared cosine, (steps + 1,).

    Reference: Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models, ICML 2021, equation 17.
    """
    angles = (np.arange(steps + 1) / steps + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * (math.pi / 2)
    squares = np.cos(angles) ** 2
    return _from_betas(np.minimum(1 - squares[1:] / squares[:-1], _MAX_BETA))


def _from_betas(betas: np.ndarray) -> np.ndarray:
    return np.concatenate([[1.0], np.cumprod(1.0 - betas)])
