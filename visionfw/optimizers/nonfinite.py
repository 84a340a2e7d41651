"""Skip training steps whose gradient is not finite."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from visionfw.numerics import Tensor


class SkipNonfinite(keras.optimizers.Optimizer):
    """Extends another optimizer's class, as its first base class: a gradient that is not finite anywhere counts as 0 everywhere.

    The weights stay finite and move by momentum alone, so that the cause can be searched for with them.

    Attributes:
        nonfinite_steps: number of such steps so far, an int32 variable of the built optimizer.
    """

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the optimizer's variables."""
        if self.built:
            return
        super().build(variables)
        self.nonfinite_steps = self.add_variable((), initializer="zeros", dtype="int32", name="nonfinite_steps")

    def apply(self, grads: Sequence[Tensor | None], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Update the variables, or count a step whose gradient is not finite."""
        if not self.built:
            self.build(list(trainable_variables or ()))
        sums = [ops.sum(ops.cast(gradient, "float32")) for gradient in grads if gradient is not None]
        is_finite = ops.isfinite(sum(sums) if sums else 0.0)
        grads = [gradient if gradient is None else ops.where(is_finite, gradient, ops.zeros_like(gradient)) for gradient in grads]
        self.assign_add(self.nonfinite_steps, 1 - ops.cast(is_finite, "int32"))
        super().apply(grads, trainable_variables)
