"""Self-attention among channels instead of pixels: its cost grows linearly with the image."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor

_SMALLEST_NORM = 1e-12


@keras.saving.register_keras_serializable(package="visionfw")
class ChannelSelfAttention(keras.layers.Layer):
    """Multi-head self-attention among the channels of an image (transposed attention, cross-covariance attention).

    Queries and keys of a channel are its values at all pixels, divided by their norm; the logits are multiplied by a learned temperature
    for each head.

    Args:
        heads: number of heads; divides the channels.

    Shapes: (batch, height, width, 3 c), queries, keys and values as one projection makes them -> (batch, height, width, c).

    Reference: El-Nouby et al. (XCiT), NeurIPS 2021; Zamir et al. (Restormer), CVPR 2022; Chen et al. (DAT), ICCV 2023.
    """

    torch_weights: ClassVar[dict[str, str]] = {"temperature": "temperature"}

    def __init__(self, heads: int = 6, **kwargs: Any):
        super().__init__(**kwargs)
        if heads < 1:
            raise ValueError(f"heads must be at least 1, not {heads!r}")
        self.heads = heads

    def _check(self, channels: int) -> None:
        if channels % (3 * self.heads):
            raise ValueError(f"{channels} channels cannot be split into queries, keys and values of {self.heads} heads")

    def build(self, input_shape: tuple) -> None:
        self._check(input_shape[-1])
        self.temperature = self.add_weight(name="temperature", shape=(self.heads, 1, 1), initializer="ones")
        self.built = True

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        self._check(input_shape[-1])
        return (*input_shape[:-1], input_shape[-1] // 3)

    def call(self, qkv: Tensor) -> Tensor:
        _, height, width, channels = ops.shape(qkv)
        depth = channels // 3 // self.heads
        tokens = ops.transpose(ops.reshape(qkv, (-1, height * width, 3, self.heads, depth)), (2, 0, 3, 4, 1))  # 3, batch, heads, depth, pixels
        query, key = _unit(tokens[0]), _unit(tokens[1])
        logits = ops.matmul(query, ops.swapaxes(key, -1, -2)) * ops.cast(self.temperature, query.dtype)
        mixed = ops.matmul(ops.softmax(logits, axis=-1), tokens[2])
        return ops.reshape(ops.transpose(mixed, (0, 3, 1, 2)), (-1, height, width, channels // 3))

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        return 2 * height * width * channels * (channels // self.heads)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads}


def _unit(x: Tensor) -> Tensor:
    """Divide by the Euclidean norm along the last axis, computed in float32."""
    wide = ops.cast(x, "float32")
    norm = ops.sqrt(ops.maximum(ops.sum(ops.square(wide), axis=-1, keepdims=True), _SMALLEST_NORM**2))
    return ops.cast(wide / norm, x.dtype)
