"""Learning rates over a run, and the optimisers they drive."""

from __future__ import annotations

import keras


def learning_rate(name: str, start: float, steps: int):
    """Return a learning rate for Keras' optimisers: a number or a schedule over `steps`. The names are config.SCHEDULES."""
    if name == "cosine":
        return keras.optimizers.schedules.CosineDecay(start, steps)
    if name == "step":
        ends = [steps * part // 6 for part in (3, 4, 5)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(ends, [start * 0.5**power for power in range(4)])
    return start


def optimizer(name: str, rate, clip_norm: float) -> keras.optimizers.Optimizer:
    """Return an optimiser by name (config.OPTIMIZERS); `clip_norm` limits the norm of the whole gradient, 0 does not."""
    limit = clip_norm or None
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=limit)
    kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "rmsprop": keras.optimizers.RMSprop}
    return kinds[name](rate, global_clipnorm=limit)
