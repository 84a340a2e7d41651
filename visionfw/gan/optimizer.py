"""One optimizer for two networks that are trained in the same step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import keras
from keras import ops

from visionfw.backend.keras_internals import built_variables
from visionfw.numerics import Tensor

T = TypeVar("T")


class GanOptimizer(keras.optimizers.Optimizer):
    """Updates the generator and the discriminator by an optimizer each. Both count their `nonfinite_steps`.

    Args:
        generator, discriminator: the optimizers.
        discriminator_variables: the discriminator's trainable variables; all others are the generator's, which come first.
    """

    def __init__(
        self,
        generator: keras.optimizers.Optimizer,
        discriminator: keras.optimizers.Optimizer,
        discriminator_variables: Sequence[keras.Variable],
    ):
        super().__init__(learning_rate=0.0, name="gan")
        self.generator, self.discriminator = generator, discriminator
        self._discriminator_ids = frozenset(map(id, discriminator_variables))

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the variables of both optimizers."""
        if self.built:
            return
        self._is_discriminators = [id(variable) in self._discriminator_ids for variable in variables]
        for optimizer, its_variables in zip((self.generator, self.discriminator), self._split(variables), strict=True):
            optimizer.build(its_variables)
        super().build(variables)

    def _split(self, values: Sequence[T]) -> tuple[list[T], list[T]]:
        """Split a list with one value a variable into the generator's and the discriminator's."""
        pairs = list(zip(values, self._is_discriminators, strict=True))
        return [value for value, is_discriminators in pairs if not is_discriminators], [value for value, is_discriminators in pairs if is_discriminators]

    @property
    def variables(self) -> list[keras.Variable]:
        """The optimizer's own variables, the generator's and the discriminator's."""
        return super().variables + self.generator.variables + self.discriminator.variables

    @property
    def nonfinite_steps(self) -> Tensor:
        """Number of steps whose gradient was not finite, of the network that had more of them."""
        return ops.maximum(self.generator.nonfinite_steps, self.discriminator.nonfinite_steps)

    @property
    def learning_rate(self) -> Any:
        """The generator's learning rate."""
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.generator.learning_rate = learning_rate

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Update both networks by the gradients of one step."""
        variables = built_variables(self) if trainable_variables is None else list(trainable_variables)
        if not self.built:
            self.build(variables)
        optimizers = (self.generator, self.discriminator)
        for optimizer, gradients, its_variables in zip(optimizers, self._split(grads), self._split(variables), strict=True):
            optimizer.apply(gradients, its_variables)
        self.iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Write the generator's moving average, if it has one, into its variables, which come first in the list."""
        self.generator.finalize_variable_values(var_list[: self._is_discriminators.count(False)])
