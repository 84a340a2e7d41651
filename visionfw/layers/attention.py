"""Attention over an image's pixels: over all of them, or inside shifted windows."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops


class _Attention(keras.layers.Layer):
    """Queries, keys, values and the projection behind them, shared by both attentions."""

    def __init__(self, heads: int, **kwargs):
        super().__init__(**kwargs)
        if heads < 1:
            raise ValueError(f"heads must be at least 1, not {heads!r}")
        self.heads = heads

    def build(self, input_shape):
        channels = input_shape[-1]
        self._check(channels)
        self.qkv_kernel = self.add_weight(name="qkv_kernel", shape=(channels, 3 * channels), initializer="glorot_uniform")
        self.qkv_bias = self.add_weight(name="qkv_bias", shape=(3 * channels,), initializer="zeros")
        self.projection_kernel = self.add_weight(name="projection_kernel", shape=(channels, channels), initializer="glorot_uniform")
        self.projection_bias = self.add_weight(name="projection_bias", shape=(channels,), initializer="zeros")

    def compute_output_shape(self, input_shape):
        self._check(input_shape[-1])
        return tuple(input_shape)

    def _check(self, channels: int) -> None:
        if channels % self.heads:
            raise ValueError(f"{channels} channels cannot be split among {self.heads} heads")

    def attend(self, tokens, bias=None):
        """Attend among tokens: (groups, tokens, channels) -> the same shape; `bias` is added to the logits."""
        _, count, channels = ops.shape(tokens)
        depth = channels // self.heads
        qkv = ops.matmul(tokens, self.qkv_kernel) + self.qkv_bias
        qkv = ops.transpose(ops.reshape(qkv, (-1, count, 3, self.heads, depth)), (2, 0, 3, 1, 4))
        logits = ops.matmul(qkv[0] * (1 / math.sqrt(depth)), ops.swapaxes(qkv[1], -1, -2))
        weights = ops.softmax(logits if bias is None else logits + bias, axis=-1)
        mixed = ops.reshape(ops.transpose(ops.matmul(weights, qkv[2]), (0, 2, 1, 3)), (-1, count, channels))
        return ops.matmul(mixed, self.projection_kernel) + self.projection_bias

    def get_config(self):
        return super().get_config() | {"heads": self.heads}


@keras.saving.register_keras_serializable(package="visionfw")
class SelfAttention(_Attention):
    """Multi-head self-attention among all pixels of a feature map; memory grows with the square of their number.

    Args:
        heads: number of heads; divides the channels.

    Shapes: (batch, height, width, c) -> the same.

    Reference: the attention of DDPM's and SR3's U-Nets (Ho et al. 2020; Saharia et al. 2021).
    """

    def __init__(self, heads: int = 1, **kwargs):
        super().__init__(heads=heads, **kwargs)

    def call(self, x):
        _, height, width, channels = ops.shape(x)
        tokens = ops.reshape(x, (-1, height * width, channels))
        return ops.reshape(self.attend(tokens), (-1, height, width, channels))

    def receptive_step(self) -> tuple[float, float]:
        return math.inf, 1

    def multiply_adds(self, input_shape, output_shape) -> int:
        _, height, width, channels = input_shape
        pixels = height * width
        return pixels * 4 * channels**2 + 2 * pixels**2 * channels


@keras.saving.register_keras_serializable(package="visionfw")
class WindowAttention(_Attention):
    """Multi-head self-attention inside windows, shifted or not, with a learned bias for each relative position.

    An image whose size is no multiple of the window is padded by zeros for the windows and cut back afterwards; padded pixels are
    masked, so they are never attended to.

    Args:
        heads: number of heads; divides the channels.
        window: side of a window in pixels.
        shift: how far the windows are shifted, 0 to window - 1 (half a window in every second block of SwinIR).

    Shapes: (batch, height, width, c) -> the same.

    Reference: Liu et al., Swin Transformer, ICCV 2021; Liang et al., SwinIR, ICCVW 2021.
    """

    def __init__(self, heads: int = 6, window: int = 8, shift: int = 0, **kwargs):
        super().__init__(heads=heads, **kwargs)
        if window < 1 or not 0 <= shift < window:
            raise ValueError(f"window must be at least 1 and shift from 0 to window - 1, not {window!r} and {shift!r}")
        self.window, self.shift = window, shift

    def build(self, input_shape):
        super().build(input_shape)
        spread = 2 * self.window - 1
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        self.position_bias = self.add_weight(name="position_bias", shape=(spread * spread, self.heads), initializer=initializer)
        self.built = True

    def _relative_places(self) -> np.ndarray:
        rows, columns = np.divmod(np.arange(self.window**2), self.window)
        spread = 2 * self.window - 1
        down = rows[:, None] - rows[None] + self.window - 1
        right = columns[:, None] - columns[None] + self.window - 1
        return (down * spread + right).ravel()

    def _windows(self, x, rows, columns):
        """(batch, height, width, c) -> (batch x windows, window^2, c)."""
        side, channels = self.window, x.shape[-1]
        x = ops.reshape(x, (-1, rows, side, columns, side, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, side * side, channels))

    def call(self, x):
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

    def _attend_windows(self, tokens, bias, windows):
        """Attend with a bias of (windows, heads, tokens, tokens) that repeats for every image of the batch."""
        images = ops.shape(tokens)[0] // windows
        return self.attend(tokens, ops.tile(bias, (images, 1, 1, 1)))

    def _bias(self):
        bias = ops.take(self.position_bias, ops.convert_to_tensor(self._relative_places(), "int32"), axis=0)
        side = self.window**2
        return ops.transpose(ops.reshape(bias, (1, side, side, self.heads)), (0, 3, 1, 2))

    def _mask(self, height, width, rows, columns):
        """Hide pixels from each other that the roll or the padding brought into one window."""
        regions = self._regions(height, rows)[:, None] * 4 + self._regions(width, columns)[None]
        regions = self._windows(ops.reshape(regions, (1, rows * self.window, columns * self.window, 1)), rows, columns)
        apart = ops.not_equal(regions, ops.transpose(regions, (0, 2, 1)))
        hidden = ops.where(apart, -100.0, 0.0)
        return ops.cast(ops.expand_dims(hidden, 1), self.compute_dtype)

    def _regions(self, size, count):
        """Number the parts of a rolled axis that belong together: inner windows 0, the image's end 1, its start 2, padding 3."""
        whole = count * self.window
        places = ops.mod(ops.arange(whole) + self.shift, whole)
        rolled = ops.arange(whole) >= whole - self.shift
        before = ops.logical_and(ops.arange(whole) >= whole - self.window, ops.logical_not(rolled))
        region = ops.where(rolled, 2, ops.where(before, 1, 0))
        return ops.cast(ops.where(places >= size, 3, region), "int32")

    def receptive_step(self) -> tuple[float, float]:
        return 2 * self.window - 1, 1

    def alignment(self) -> int:
        """Windows begin at multiples of this."""
        return self.window

    def multiply_adds(self, input_shape, output_shape) -> int:
        _, height, width, channels = input_shape
        pixels = -(-height // self.window) * -(-width // self.window) * self.window**2
        return pixels * 4 * channels**2 + 2 * pixels * self.window**2 * channels

    def get_config(self):
        return super().get_config() | {"window": self.window, "shift": self.shift}
