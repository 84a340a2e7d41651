"""Learning rates over a run.

A schedule is a function (peak, steps, *, options): `peak` is the highest learning rate, `steps` the length of the schedule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import keras
from keras import ops

from visionfw.numerics import Tensor
from visionfw.optimizers import SCHEDULES
from visionfw.registry import Spec

LearningRate = float | Callable[[Any], Any]


def build_learning_rate(spec: Spec, peak: float, steps: int, warmup: int = 0) -> LearningRate:
    """Return a learning rate for Keras' optimizers: a number or a schedule.

    Args:
        spec: which schedule, parsed by SCHEDULES.
        peak: the learning rate after the warm-up.
        steps: length of the whole run.
        warmup: steps over which the rate rises from 0 in a straight line; the schedule takes the rest of the run.
    """
    rate = SCHEDULES.load(spec.name)(peak, max(1, steps - warmup), **spec.options)
    return WarmUp(rate, peak, warmup) if warmup else rate


def constant(peak: float, steps: int) -> float:
    """Return the peak, for every step."""
    return peak


def cosine(peak: float, steps: int, *, final: float) -> LearningRate:
    """Fall along half a cosine from `peak` to final * peak. Reference: Loshchilov and Hutter, SGDR, ICLR 2017."""
    return keras.optimizers.schedules.CosineDecay(peak, steps, alpha=final)


def cosine_restarts(peak: float, steps: int, *, cycles: int, factor: float) -> LearningRate:
    """Fall to 0 in each of several equal cycles, each from `factor` times the start of the one before. Reference: SGDR, ICLR 2017."""
    return keras.optimizers.schedules.CosineDecayRestarts(peak, -(-steps // cycles), t_mul=1.0, m_mul=factor)


def linear(peak: float, steps: int, *, final: float) -> LearningRate:
    """Fall in a straight line from `peak` to final * peak."""
    return keras.optimizers.schedules.PolynomialDecay(peak, steps, end_learning_rate=final * peak)


def step(peak: float, steps: int, *, first: float, drops: int, factor: float) -> LearningRate:
    """Multiply by `factor` at `drops` steps, evenly spaced from first * steps up to, but not including, the end."""
    start = Fraction(str(first))
    boundaries = [math.floor(steps * (start + (1 - start) * Fraction(number, drops))) for number in range(drops)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, [peak * factor**power for power in range(drops + 1)])


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises from 0 in a straight line, and then follows a schedule from its start.

    Args:
        rate: the schedule, or a number.
        peak: the learning rate at the end of the rise.
        steps: length of the rise.
    """

    def __init__(self, rate: LearningRate, peak: float, steps: int):
        self.rate, self.peak, self.steps = rate, peak, steps

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "float32")
        scheduled = self.rate(ops.maximum(step - self.steps, 0.0)) if callable(self.rate) else self.rate
        return ops.where(step < self.steps, self.peak * (step + 1.0) / (self.steps + 1.0), scheduled)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same schedule."""
        return {"rate": self.rate, "peak": self.peak, "steps": self.steps}
