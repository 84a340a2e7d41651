"""Two optimizers in one, for two networks that learn in one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from visionfw.backend.keras_internals import built_variables
from visionfw.numerics import Tensor


class GanOptimizer(keras.optimizers.Optimizer):
    """Lets each of two networks learn by an optimizer of its own.

    Args:
        generator, discriminator: their optimizers.
        judging: the discriminator's trainable variables; all others are the generator's, which come first.
    """

    def __init__(self, generator: keras.optimizers.Optimizer, discriminator: keras.optimizers.Optimizer, judging: Sequence[keras.Variable]):
        super().__init__(learning_rate=0.0, name="paired")
        self.generator, self.discriminator = generator, discriminator
        self._judging = frozenset(map(id, judging))

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        self._is_judging = [id(variable) in self._judging for variable in variables]
        for optimizer, own in zip((self.generator, self.discriminator), self._shared_out(variables), strict=True):
            optimizer.build(own)
        super().build(variables)

    def _shared_out(self, values: Sequence[Any]) -> list[list[Any]]:
        """Split what comes a value a variable: the generator's, the discriminator's."""
        return [[value for value, judging in zip(values, self._is_judging, strict=True) if judging is which] for which in (False, True)]

    @property
    def variables(self) -> list[keras.Variable]:
        return super().variables + self.generator.variables + self.discriminator.variables

    @property
    def nonfinite_steps(self) -> Tensor:
        """Steps whose gradient was not finite, of the network that had more of them."""
        return ops.maximum(self.generator.nonfinite_steps, self.discriminator.nonfinite_steps)

    @property
    def learning_rate(self) -> Tensor:
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.generator.learning_rate = rate

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        variables = built_variables(self) if trainable_variables is None else list(trainable_variables)
        if not self.built:
            self.build(variables)
        for optimizer, gradients, own in zip((self.generator, self.discriminator), self._shared_out(grads), self._shared_out(variables), strict=True):
            optimizer.apply(gradients, own)
        self.iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Put the generator's moving average, where it has one, into its variables, the first of those given."""
        self.generator.finalize_variable_values(var_list[: self._is_judging.count(False)])
