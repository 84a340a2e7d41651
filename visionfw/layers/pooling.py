"""Statistics of a whole feature map."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class GlobalDeviationPooling2D(keras.layers.Layer):
    """The standard deviation of every channel over all pixels: contrast, beside Keras' GlobalAveragePooling2D.

    Args:
        keepdims: keep height and width as axes of length 1.

    Shapes: (batch, height, width, c) -> (batch, c), or (batch, 1, 1, c).

    Reference: Hui et al., Lightweight Image Super-Resolution with Information Multi-distillation Network, ACM MM 2019.
    """

    def __init__(self, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.keepdims = keepdims

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, _, _, channels = input_shape
        return (batch, 1, 1, channels) if self.keepdims else (batch, channels)

    def call(self, x: Tensor) -> Tensor:
        variance = ops.var(ops.cast(x, "float32"), axis=(1, 2), keepdims=self.keepdims)
        return ops.cast(ops.sqrt(ops.maximum(variance, 1e-12)), x.dtype)  # above 0, where the gradient of the root is finite

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"keepdims": self.keepdims}
