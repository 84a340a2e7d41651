"""How a diffusion model's noise grows, as it is written and as numbers; no Keras here.

gamma(t) is the share of the image that is left in the variance after t of T steps: 1 at t = 0, nearly 0 at t = T (alpha bar in DDPM).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from visionfw.errors import RequestError, unknown

SCHEDULES = {
    "linear": "beta grows in a straight line (SR3): linear:steps=2000,first=1e-6,last=0.01",
    "cosine": "gamma falls as a cosine squared (Nichol and Dhariwal): cosine:steps=1000",
}
#: What the noise is put into: the image itself, as SR3 has it, or what bicubic enlargement lacks of it, as SRDiff has it.
TARGETS = {
    "image": "the image in [-1, 1] (SR3)",
    "residual": "what the bicubic enlargement lacks, times 4 (after SRDiff): the LR image's colors are kept without being learned",
}
_DEFAULTS = {"linear": {"steps": 2000, "first": 1e-6, "last": 0.01}, "cosine": {"steps": 1000}}
_LEAST_LEFT, _MOST_LEFT = 1e-15, 0.05  # gamma(T): refinement begins with noise alone, and divides by its root
_GAIN = 4.0  # of a residual: about the spread of an image in [-1, 1]
_COSINE_OFFSET, _MOST_BETA = 0.008, 0.999


@dataclass(frozen=True)
class NoiseSchedule:
    """A schedule.

    Attributes:
        name: from SCHEDULES.
        steps: T.
        first, last: beta of the first and of the last step, of a linear one.
    """

    name: str
    steps: int
    first: float = 0.0
    last: float = 0.0

    def gammas(self) -> np.ndarray:
        """Return gamma(0) .. gamma(T), (T + 1,) float64.

        References: Ho et al., Denoising Diffusion Probabilistic Models, 2020; Nichol and Dhariwal, Improved Denoising Diffusion
        Probabilistic Models, 2021, equation 17.
        """
        if self.name == "linear":
            betas = np.linspace(self.first, self.last, self.steps)
        else:
            angles = (np.arange(self.steps + 1) / self.steps + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * (math.pi / 2)
            squares = np.cos(angles) ** 2
            betas = np.minimum(1 - squares[1:] / squares[:-1], _MOST_BETA)
        return np.concatenate([[1.0], np.cumprod(1.0 - betas)])

    def steps_back(self, count: int) -> np.ndarray:
        """Return `count` step numbers to sample by, evenly spread, from T down, and 0 behind them, (count + 1,)."""
        return np.round(np.linspace(self.steps, 0, min(count, self.steps) + 1)).astype(int)


@dataclass(frozen=True)
class Target:
    """What a network takes noise off, and what it tells to do so; arrays and tensors alike.

    Attributes:
        name: from TARGETS.
        told: 'epsilon' (the noise) or 'v' (the velocity). The noise alone says little of an image that is nearly all noise; the velocity does.

    Reference: Salimans and Ho, Progressive Distillation for Fast Sampling of Diffusion Models, ICLR 2022, appendix D: the velocity is
    sqrt(gamma) x noise - sqrt(1 - gamma) x image.
    """

    name: str = "image"
    told: str = "epsilon"

    def of(self, image, enlarged):
        """Return it, of an image in [0, 1] and its LR image's enlargement."""
        return image * 2.0 - 1.0 if self.name == "image" else (image - enlarged) * _GAIN

    def back(self, made, enlarged):
        """Return the image in [0, 1], not clipped."""
        return (made + 1.0) / 2.0 if self.name == "image" else made / _GAIN + enlarged

    def asked(self, made, noise, gamma):
        """Return what the network is to tell of `noised(made, noise, gamma)`."""
        return noise if self.told == "epsilon" else gamma**0.5 * noise - (1.0 - gamma) ** 0.5 * made

    def denoised(self, noisy, told, gamma):
        """Return what the noise was put into, by what the network tells."""
        return denoised(noisy, told, gamma) if self.told == "epsilon" else gamma**0.5 * noisy - (1.0 - gamma) ** 0.5 * told


def read_noise_schedule(text: str) -> NoiseSchedule:
    """Read NAME, or NAME:KEY=VALUE,...; a linear one's ends grow where it has fewer steps, unless given. Raises RequestError."""
    name, _, rest = text.partition(":")
    if name not in SCHEDULES:
        raise RequestError(f"--noise_schedule: {unknown('schedule', name, SCHEDULES)}")
    values, given = dict(_DEFAULTS[name]), set()
    for part in filter(None, (entry.strip() for entry in rest.split(","))):
        key, _, value = (side.strip() for side in part.partition("="))
        if key not in values:
            raise RequestError(f"--noise_schedule: {unknown('parameter', key, values)}")
        try:
            values[key] = int(value) if key == "steps" else float(value)
            given.add(key)
        except ValueError:
            raise RequestError(f"--noise_schedule: {key} must be a number, not {value!r}") from None
    if values["steps"] < 1:
        raise RequestError(f"--noise_schedule: steps must be at least 1, not {values['steps']}")
    if name == "linear":
        fewer = _DEFAULTS[name]["steps"] / values["steps"]
        values |= {key: values[key] * fewer for key in ("first", "last") if key not in given}  # as much noise in the end
        if not 0 < values["first"] <= values["last"] < 1:
            raise RequestError(f"--noise_schedule: 0 < first <= last < 1 must hold, not first={values['first']:g}, last={values['last']:g}")
    schedule = NoiseSchedule(name, **values)
    left = schedule.gammas()[-1]
    if not _LEAST_LEFT < left < _MOST_LEFT:
        raise RequestError(f"--noise_schedule={text}: ends with {left:.2g} of the image left; it must be less than {_MOST_LEFT}, and more than nothing")
    return schedule


def noised(image, noise, gamma):
    """Return an image with noise in it: sqrt(gamma) x image + sqrt(1 - gamma) x noise. Arrays or tensors alike."""
    return gamma**0.5 * image + (1.0 - gamma) ** 0.5 * noise


def denoised(noisy, noise, gamma):
    """Return the image that noise was put into: the inverse of `noised`."""
    return (noisy - (1.0 - gamma) ** 0.5 * noise) / gamma**0.5


def ddpm_step(noisy, image, gamma: float, before: float, fresh):
    """Take one ancestral step back: draw from the posterior of the image with less noise, given the noisy one and what it shows.

    Args:
        noisy: with the noise of `gamma`.
        image: what the network thinks it shows.
        gamma: now.
        before: gamma after the step, larger.
        fresh: standard normal noise.

    Reference: Ho et al. 2020, equations 6 and 7.
    """
    beta = 1.0 - gamma / before
    mean = before**0.5 * beta / (1.0 - gamma) * image + (1.0 - beta) ** 0.5 * (1.0 - before) / (1.0 - gamma) * noisy
    return mean + (beta * (1.0 - before) / (1.0 - gamma)) ** 0.5 * fresh


def ddim_step(noisy, image, gamma: float, before: float, fresh, eta: float = 0.0):
    """Take one step back along the noise that the network sees; with `eta` 0 nothing is random, with 1 it is as random as `ddpm_step`.

    Reference: Song et al., Denoising Diffusion Implicit Models, ICLR 2021, equations 12 and 16.
    """
    noise = (noisy - gamma**0.5 * image) / (1.0 - gamma) ** 0.5
    spread = eta * ((1.0 - before) / (1.0 - gamma) * (1.0 - gamma / before)) ** 0.5
    return before**0.5 * image + max(1.0 - before - spread**2, 0.0) ** 0.5 * noise + spread * fresh
