"""Learning rates of single layers, as multiples of the optimizer's."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from visionfw.backend.keras_internals import variable_index
from visionfw.errors import RequestError, unknown
from visionfw.numerics import Tensor


class LayerLearningRates(keras.optimizers.Optimizer):
    """Extends another optimizer's class, as its first base class: some variables have a multiple of the learning rate.

    Args:
        layer_lr: multipliers by the variables' paths; 1 for all others.
        *arguments, **settings: the optimizer's own.
    """

    def __init__(self, *arguments: Any, layer_lr: Mapping[str, float], **settings: Any):
        super().__init__(*arguments, **settings)
        self._multiplier_of_path = tuple(layer_lr.items())

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the optimizer's variables."""
        super().build(variables)
        multipliers = dict(self._multiplier_of_path)
        self._multipliers = tuple(multipliers.get(variable.path, 1.0) for variable in variables)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable."""
        multiplier = self._multipliers[variable_index(self, variable)]
        super().update_step(gradient, variable, learning_rate if multiplier == 1.0 else learning_rate * multiplier)


def layer_lr_multipliers(model: keras.Model, patterns: Sequence[tuple[str, float]], flag: str = "layer_lr") -> dict[str, float]:
    """Return the multipliers of the learning rate of a model's variables, by the variables' paths.

    Args:
        model: the model.
        patterns: (pattern of layer names with * and ?, multiplier) pairs; where several match a layer, the last one counts.
        flag: the flag that they were written for, for messages.

    Raises:
        RequestError: a pattern matches no layer with weights; the message suggests the nearest name.
    """
    names = [layer.name for layer in model.layers if layer.trainable_variables]
    problems = [unknown("layer", pattern, names) for pattern, _ in patterns if not fnmatch.filter(names, pattern)]
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return {
        variable.path: multiplier
        for pattern, multiplier in patterns
        for layer in model.layers
        if fnmatch.fnmatchcase(layer.name, pattern)
        for variable in layer.trainable_variables
    }
