"""Self-attention among all pixels of an image."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from visionfw.layers.attention.base import MultiHeadSelfAttention
from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class SelfAttention(MultiHeadSelfAttention):
    """Multi-head self-attention among all pixels of a feature map; memory grows with the square of the number of pixels.

    Args:
        heads: number of heads; divides the channels.
        qkv_bias: queries, keys and values have a bias.

    Shapes: (batch, height, width, c) -> the same.

    Reference: the attention of DDPM's and SR3's U-Nets (Ho et al. 2020; Saharia et al. 2021).
    """

    def __init__(self, heads: int = 1, qkv_bias: bool = True, **kwargs: Any):
        super().__init__(heads=heads, qkv_bias=qkv_bias, **kwargs)

    def call(self, x: Tensor) -> Tensor:
        _, height, width, channels = ops.shape(x)
        tokens = ops.reshape(x, (-1, height * width, channels))
        return ops.reshape(self.attend(tokens), (-1, height, width, channels))

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = input_shape
        pixels = height * width
        return pixels * 4 * channels**2 + 2 * pixels**2 * channels
