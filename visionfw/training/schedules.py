"""Learning rates over a run, and the optimisers they drive."""

from __future__ import annotations

import keras
from keras import ops

_RESTARTS = 4


def learning_rate(name: str, start: float, steps: int, warmup: int = 0):
    """Return a learning rate for Keras' optimisers: a number or a schedule.

    Args:
        name: from config.SCHEDULES.
        start: the rate after the warm-up.
        steps: of the whole run.
        warmup: steps over which the rate rises from 0 in a straight line; the schedule has the rest.
    """
    rest = max(1, steps - warmup)
    schedules = keras.optimizers.schedules
    if name == "cosine":
        rate = schedules.CosineDecay(start, rest)
    elif name == "cosine_restarts":
        rate = schedules.CosineDecayRestarts(start, -(-rest // _RESTARTS), t_mul=1.0, m_mul=0.5)
    elif name == "linear":
        rate = schedules.PolynomialDecay(start, rest, end_learning_rate=0.0)
    elif name == "step":
        ends = [rest * part // 6 for part in (3, 4, 5)]
        rate = schedules.PiecewiseConstantDecay(ends, [start * 0.5**power for power in range(4)])
    else:
        rate = start
    return WarmUp(rate, start, warmup) if warmup else rate


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises from 0 to `start` over some steps, and is `rate`'s from there on."""

    def __init__(self, rate, start: float, steps: int):
        self.rate, self.start, self.steps = rate, start, steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        later = self.rate(ops.maximum(step - self.steps, 0.0)) if callable(self.rate) else self.rate
        return ops.where(step < self.steps, self.start * (step + 1.0) / (self.steps + 1.0), later)

    def get_config(self):
        return {"rate": self.rate, "start": self.start, "steps": self.steps}


def optimizer(name: str, rate, clip_norm: float, clip_value: float = 0.0, ema: float = 0.0) -> keras.optimizers.Optimizer:
    """Return an optimiser by name (config.OPTIMIZERS).

    Args:
        name: of the optimiser.
        rate: its learning rate, or a schedule.
        clip_norm: largest norm of the whole gradient; 0 for no limit.
        clip_value: largest absolute value of the gradient of each weight; 0 for no limit.
        ema: decay of the weights' moving average, which `finalize_variable_values` writes into given variables; 0 for none.
    """
    limits = {"global_clipnorm": clip_norm or None, "clipvalue": clip_value or None}
    limits |= {"use_ema": True, "ema_momentum": ema} if ema else {}
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, **limits)
    kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "rmsprop": keras.optimizers.RMSprop}
    return kinds[name](rate, **limits)
