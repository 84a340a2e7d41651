"""Arithmetic of single values, where Keras has no layer for it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from visionfw.layers.windows import POINTWISE, Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class Power(keras.layers.Layer):
    """Adds `offset` to every value and raises it to a power: the square root by default.

    Args:
        exponent: 0.5 for the square root, 2 for the square, -1 for the reciprocal.
        offset: a small number keeps the gradient of the root at 0 finite.

    Shapes: any -> the same.
    """

    def __init__(self, exponent: float = 0.5, offset: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.exponent, self.offset = float(exponent), float(offset)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)

    def call(self, x: Tensor) -> Tensor:
        x = x + self.offset if self.offset else x
        if self.exponent in (0.5, 2.0):
            return ops.sqrt(x) if self.exponent == 0.5 else ops.square(x)
        return ops.power(x, self.exponent)

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"exponent": self.exponent, "offset": self.offset}


@keras.saving.register_keras_serializable(package="visionfw")
class Divide(keras.layers.Layer):
    """Divides its first source by its second one; one channel or pixel of either goes with many.

    Args:
        offset: is added to the second source.

    Shapes: two that broadcast -> the larger one.
    """

    def __init__(self, offset: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.offset = float(offset)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        if len(input_shape) != 2 or any(not isinstance(shape, list | tuple) for shape in input_shape):
            raise ValueError("takes two sources, a dividend and a divisor")
        pairs = zip(*input_shape, strict=True)
        return tuple(second if first == 1 else first if first is not None or second == 1 else second for first, second in pairs)

    def call(self, inputs: list[Tensor]) -> Tensor:
        dividend, divisor = inputs
        return dividend / (divisor + self.offset if self.offset else divisor)

    def receptive_window(self, axis: int) -> Window:
        return POINTWISE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"offset": self.offset}
