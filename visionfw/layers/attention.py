"""Self-attention over the pixels of an image: among all of them, or inside shifted windows."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor


class _Attention(keras.layers.Layer):
    """The base of both attentions: weights and computation of queries, keys, values and the output projection."""

    def __init__(self, heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        if heads < 1:
            raise ValueError(f"heads must be at least 1, not {heads!r}")
        self.heads = heads

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self._check(channels)
        self.qkv_kernel = self.add_weight(name="qkv_kernel", shape=(channels, 3 * channels), initializer="glorot_uniform")
        self.qkv_bias = self.add_weight(name="qkv_bias", shape=(3 * channels,), initializer="zeros")
        self.projection_kernel = self.add_weight(name="projection_kernel", shape=(channels, channels), initializer="glorot_uniform")
        self.projection_bias = self.add_weight(name="projection_bias", shape=(channels,), initializer="zeros")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        self._check(input_shape[-1])
        return tuple(input_shape)

    def _check(self, channels: int) -> None:
        if channels % self.heads:
            raise ValueError(f"{channels} channels cannot be split among {self.heads} heads")

    def attend(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return attention among tokens.

        Args:
            tokens: (groups, tokens, channels).
            bias: added to the logits; broadcasts to (groups, heads, tokens, tokens).

        Returns:
            (groups, tokens, channels).
        """
        _, count, channels = ops.shape(tokens)
        depth = channels // self.heads
        qkv = ops.matmul(tokens, self.qkv_kernel) + self.qkv_bias
        qkv = ops.transpose(ops.reshape(qkv, (-1, count, 3, self.heads, depth)), (2, 0, 3, 1, 4))
        logits = ops.matmul(qkv[0] * (1 / math.sqrt(depth)), ops.swapaxes(qkv[1], -1, -2))
        weights = ops.softmax(logits if bias is None else logits + bias, axis=-1)
        mixed = ops.reshape(ops.transpose(ops.matmul(weights, qkv[2]), (0, 2, 1, 3)), (-1, count, channels))
        return ops.matmul(mixed, self.projection_kernel) + self.projection_bias

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads}


@keras.saving.register_keras_serializable(package="visionfw")
class SelfAttention(_Attention):
    """Multi-head self-attention among all pixels of a feature map; memory grows with the square of the number of pixels.

    Args:
        heads: number of heads; divides the channels.

    Shapes: (batch, height, width, c) -> the same.

    Reference: the attention of DDPM's and SR3's U-Nets (Ho et al. 2020; Saharia et al. 2021).
    """

    def __init__(self, heads: int = 1, **kwargs: Any):
        super().__init__(heads=heads, **kwargs)

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


@keras.saving.register_keras_serializable(package="visionfw")
class WindowAttention(_Attention):
    """Multi-head self-attention inside windows, with an optional shift and a learned bias for each relative position.

    An image whose size is not a multiple of the window is zero-padded and cropped back afterwards; padded pixels are masked, so they are
    never attended to.

    Args:
        heads: number of heads; divides the channels.
        window: side of a window in pixels.
        shift: how far the windows are shifted, 0 to window - 1 (half a window in every second block of SwinIR).

    Shapes: (batch, height, width, c) -> the same.

    Reference: Liu et al., Swin Transformer, ICCV 2021; Liang et al., SwinIR, ICCVW 2021.
    """

    def __init__(self, heads: int = 6, window: int = 8, shift: int = 0, **kwargs: Any):
        super().__init__(heads=heads, **kwargs)
        if window < 1 or not 0 <= shift < window:
            raise ValueError(f"window must be at least 1 and shift from 0 to window - 1, not {window!r} and {shift!r}")
        self.window, self.shift = window, shift

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        spread = 2 * self.window - 1
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        self.position_bias = self.add_weight(name="position_bias", shape=(spread * spread, self.heads), initializer=initializer)
        self.built = True

    def _relative_positions(self) -> np.ndarray:
        """Return the row of the bias table for each pair of a window's pixels, (window^4,)."""
        rows, columns = np.divmod(np.arange(self.window**2), self.window)
        spread = 2 * self.window - 1
        down = rows[:, None] - rows[None] + self.window - 1
        right = columns[:, None] - columns[None] + self.window - 1
        return (down * spread + right).ravel()

    def _windows(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Split an image into windows: (batch, height, width, c) -> (batch x windows, window^2, c)."""
        side, channels = self.window, x.shape[-1]
        x = ops.reshape(x, (-1, rows, side, columns, side, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, side * side, channels))

    def call(self, x: Tensor) -> Tensor:
        _, height, width, channels = ops.shape(x)
        side = self.window
        rows, columns = (height + side - 1) // side, (width + side - 1) // side
        padded = ops.pad(x, ((0, 0), (0, rows * side - height), (0, columns * side - width), (0, 0)))
        padded = ops.roll(padded, (-self.shift, -self.shift), axis=(1, 2))
        tokens = self._windows(padded, rows, columns)
        bias = self._bias() + self._mask(height, width, rows, columns)
        grouped = self._attend_windows(tokens, bias, rows * columns)
        grouped = ops.reshape(grouped, (-1, rows, columns, side, side, channels))
        whole = ops.reshape(ops.transpose(grouped, (0, 1, 3, 2, 4, 5)), (-1, rows * side, columns * side, channels))
        whole = ops.roll(whole, (self.shift, self.shift), axis=(1, 2))
        return whole[:, :height, :width]

    def _attend_windows(self, tokens: Tensor, bias: Tensor, windows: Tensor) -> Tensor:
        """Attend with a bias of (windows, heads, tokens, tokens), repeated for every image of the batch."""
        images = ops.shape(tokens)[0] // windows
        return self.attend(tokens, ops.tile(bias, (images, 1, 1, 1)))

    def _bias(self) -> Tensor:
        """Return the bias of each pair of a window's pixels, (1, heads, window^2, window^2)."""
        bias = ops.take(self.position_bias, ops.convert_to_tensor(self._relative_positions(), "int32"), axis=0)
        side = self.window**2
        return ops.transpose(ops.reshape(bias, (1, side, side, self.heads)), (0, 3, 1, 2))

    def _mask(self, height: Tensor, width: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return logits that hide from each other the pixels that rolling or padding brought into one window, (windows, 1, window^2, window^2)."""
        regions = self._regions(height, rows)[:, None] * 4 + self._regions(width, columns)[None]
        regions = self._windows(ops.reshape(regions, (1, rows * self.window, columns * self.window, 1)), rows, columns)
        apart = ops.not_equal(regions, ops.transpose(regions, (0, 2, 1)))
        hidden = ops.where(apart, -100.0, 0.0)
        return ops.cast(ops.expand_dims(hidden, 1), self.compute_dtype)

    def _regions(self, size: Tensor, count: Tensor) -> Tensor:
        """Number the connected parts of a rolled axis: inner windows 0, the end of the image 1, its start 2, padding 3."""
        whole = count * self.window
        positions = ops.mod(ops.arange(whole) + self.shift, whole)
        rolled = ops.arange(whole) >= whole - self.shift
        before = ops.logical_and(ops.arange(whole) >= whole - self.window, ops.logical_not(rolled))
        region = ops.where(rolled, 2, ops.where(before, 1, 0))
        return ops.cast(ops.where(positions >= size, 3, region), "int32")

    def receptive_window(self, axis: int) -> Window:
        return Window.around(2 * self.window - 1)

    def alignment(self) -> int:
        """Return the side of a window: windows begin at multiples of it."""
        return self.window

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = input_shape
        pixels = -(-height // self.window) * -(-width // self.window) * self.window**2
        return pixels * 4 * channels**2 + 2 * pixels * self.window**2 * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"window": self.window, "shift": self.shift}
