"""Normalization of channels by how strongly they respond in the whole image."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class GlobalResponseNormalization(keras.layers.Layer):
    """Weighs every channel by its norm over the image, divided by the mean norm of all channels, and adds the result to the input.

    Its factor and its offset, `gamma` and `beta`, start from 0, so that it begins as the identity.

    Args:
        epsilon: is added to the mean norm.

    Shapes: (batch, height, width, c) -> the same.

    Reference: Woo et al., ConvNeXt V2, CVPR 2023.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon = float(epsilon)

    def build(self, input_shape: tuple) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="zeros")
        self.beta = self.add_weight(name="beta", shape=(input_shape[-1],), initializer="zeros")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)

    def call(self, x: Tensor) -> Tensor:
        values = ops.cast(x, "float32")
        squares = ops.sum(ops.square(values), axis=(1, 2), keepdims=True)
        norms = ops.sqrt(ops.maximum(squares, 1e-24))  # above 0, where the gradient of the root is finite
        response = ops.cast(norms / (ops.mean(norms, axis=-1, keepdims=True) + self.epsilon), x.dtype)
        return ops.cast(self.gamma, x.dtype) * (x * response) + ops.cast(self.beta, x.dtype) + x

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}
