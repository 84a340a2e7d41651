"""Learning rates over a run, and the optimizers they drive."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

import keras
from keras import ops

from visionfw.backend.keras_internals import backend_optimizer_class, variable_index
from visionfw.errors import RequestError, unknown
from visionfw.optimizers.muon import Muon

_RESTARTS = 4


def learning_rate(name: str, start: float, steps: int, warmup: int = 0):
    """Return a learning rate for Keras' optimizers: a number or a schedule.

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


def optimizer(
    name: str,
    rate,
    clip_norm: float,
    clip_value: float = 0.0,
    ema: float = 0.0,
    factors: Mapping[str, float] | None = None,
    matrices: Sequence[str] = (),
) -> keras.optimizers.Optimizer:
    """Return an optimizer by name (config.OPTIMIZERS).

    Args:
        name: of the optimizer.
        rate: its learning rate, or a schedule.
        clip_norm: largest norm of the whole gradient; 0 for no limit.
        clip_value: largest absolute value of the gradient of each weight; 0 for no limit.
        ema: largest decay of the weights' moving average, which `finalize_variable_values` writes into given variables; 0 for none. At step t it
            is at most (1 + t) / (10 + t).
        factors: on the learning rate of some variables, by their paths.
        matrices: paths of the kernels that Muon makes orthogonal steps with.
    """
    kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW, "muon": Muon, "rmsprop": keras.optimizers.RMSprop, "sgd": keras.optimizers.SGD}
    limits = {"global_clipnorm": clip_norm or None, "clipvalue": clip_value or None}
    limits |= {"use_ema": True, "ema_momentum": ema} if ema else {}
    limits |= {"momentum": 0.9} if name == "sgd" else {"matrices": matrices} if name == "muon" else {}
    kind = kinds[name] if factors else backend_optimizer_class(kinds[name])  # on PyTorch one that moves all variables at once, at one rate
    return _guarded(kind, factors or {})(rate, **limits)


def _guarded(kind: type[keras.optimizers.Optimizer], factors: Mapping[str, float]) -> type[keras.optimizers.Optimizer]:
    """Return an optimizer's class that takes no gradient that is not finite, and whose learning rate is another for some variables.

    The weights stay finite, and are those from before but for what momentum moves, so that what went wrong can be found with them;
    `refused` counts such steps. The moving average is short in the beginning: what the weights were at first would else be in it for long.
    """

    class GuardedOptimizer(kind):
        @property
        def ema_momentum(self):
            taken = ops.cast(self.iterations, "float32")
            return ops.minimum(self._longest_ema, (1.0 + taken) / (10.0 + taken))

        @ema_momentum.setter
        def ema_momentum(self, decay: float):
            self._longest_ema = decay

        def build(self, variables):
            super().build(variables)
            if not hasattr(self, "refused"):
                self.refused = self.add_variable((), initializer="zeros", dtype="int32", name="refused")
            self.own_factors = tuple(factors.get(variable.path, 1.0) for variable in variables)

        def apply(self, grads, trainable_variables=None):
            if not self.built:
                self.build(list(trainable_variables))
            sums = [ops.sum(ops.cast(gradient, "float32")) for gradient in grads if gradient is not None]
            is_finite = ops.isfinite(sum(sums) if sums else 0.0)
            grads = [gradient if gradient is None else ops.where(is_finite, gradient, ops.zeros_like(gradient)) for gradient in grads]
            self.assign_add(self.refused, 1 - ops.cast(is_finite, "int32"))
            return super().apply(grads, trainable_variables)

        def update_step(self, gradient, variable, learning_rate):
            factor = self.own_factors[variable_index(self, variable)]
            return super().update_step(gradient, variable, learning_rate if factor == 1.0 else learning_rate * factor)

    GuardedOptimizer.__name__ = kind.__name__
    return GuardedOptimizer


def rate_factors(model: keras.Model, patterns: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return the factors on the learning rate of a model's variables.

    Args:
        model: the model.
        patterns: of layer names, with * and ?, each with its factor; of several that fit, the last counts.

    Raises:
        RequestError: a pattern that fits no layer with weights; the nearest name is told.
    """
    names = [layer.name for layer in model.layers if layer.trainable_variables]
    problems = [unknown("layer", pattern, names) for pattern, _ in patterns if not fnmatch.filter(names, pattern)]
    if problems:
        raise RequestError("\n".join(f"--layer_rates: {problem}" for problem in problems))
    return {
        variable.path: factor
        for pattern, factor in patterns
        for layer in model.layers
        if fnmatch.fnmatchcase(layer.name, pattern)
        for variable in layer.trainable_variables
    }
