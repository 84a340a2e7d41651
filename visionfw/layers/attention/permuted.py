"""Permuted self-attention inside shifted windows (SRFormer)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from visionfw.layers.attention.base import Heads
from visionfw.layers.attention.partition import (
    axis_regions,
    bias_of_positions,
    mask_between,
    merge_windows,
    relative_positions,
    split_windows,
    window_regions,
)
from visionfw.layers.attention.window import REFERENCE_SIDE, TRUNCATED_NORMAL
from visionfw.layers.windows import Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class PermutedWindowAttention(Heads):
    """Multi-head self-attention inside windows whose keys and values have a quarter of the channels, and four pixels in each token.

    The dense layer of keys and values reduces the channels to a quarter; the channels of 2x2 pixels together are one token, so that a window
    has a quarter of the keys. An image whose size is not a multiple of the window is zero-padded and cropped back; padded pixels are masked.

    Args:
        heads: number of heads; divides the channels.
        window: side of a window in pixels; an even number.
        shift: how far the windows are shifted, 0 to window - 1.
        qkv_bias: queries, keys and values have a bias.

    Shapes: (batch, height, width, c) -> the same, c a multiple of 4.

    Reference: Zhou et al., SRFormer: Permuted Self-Attention for Single Image Super-Resolution, ICCV 2023.
    """

    kernel_initializer: Any = TRUNCATED_NORMAL
    torch_weights: ClassVar[dict[str, str]] = Heads.torch_weights | {
        "query_kernel": "q.weight",
        "query_bias": "q.bias",
        "key_value_kernel": "kv.weight",
        "key_value_bias": "kv.bias",
        "relative_position_bias_table": "relative_position_bias_table",
    }

    def __init__(self, heads: int = 6, window: int = 24, shift: int = 0, qkv_bias: bool = True, **kwargs: Any):
        super().__init__(heads=heads, qkv_bias=qkv_bias, **kwargs)
        if window < 2 or window % 2 or not 0 <= shift < window:
            raise ValueError(f"window must be even and shift from 0 to window - 1, not {window!r} and {shift!r}")
        self.window, self.shift = window, shift

    def _check(self, channels: int) -> None:
        super()._check(channels)
        if channels % 4:
            raise ValueError(f"{channels} channels are no multiple of 4, the pixels of a token")

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self._check(channels)
        self.query_kernel = self.add_kernel("query_kernel", (channels, channels))
        self.key_value_kernel = self.add_kernel("key_value_kernel", (channels, channels // 2))
        if self.has_qkv_bias:
            self.query_bias = self.add_weight(name="query_bias", shape=(channels,), initializer="zeros")
            self.key_value_bias = self.add_weight(name="key_value_bias", shape=(channels // 2,), initializer="zeros")
        super().build(input_shape)
        shape = ((self.window - 1) ** 2, self.heads)
        self.relative_position_bias_table = self.add_weight(name="relative_position_bias_table", shape=shape, initializer=self.kernel_initializer)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        _, height, width, _ = ops.shape(x)
        rows, columns = -(-height // self.window), -(-width // self.window)
        padded = ops.pad(x, ((0, 0), (0, rows * self.window - height), (0, columns * self.window - width), (0, 0)))
        padded = ops.roll(padded, (-self.shift, -self.shift), axis=(1, 2))
        tokens = split_windows(padded, rows, columns, self.window)
        keys, values = self._keys_and_values(tokens)
        bias = bias_of_positions(self.relative_position_bias_table, self._positions())
        tokens = self.mix(self._queries(tokens), keys, values, bias, self._mask(height, width))
        whole = merge_windows(tokens, rows, columns, self.window)
        return ops.roll(whole, (self.shift, self.shift), axis=(1, 2))[:, :height, :width]

    def _queries(self, tokens: Tensor) -> Tensor:
        """Return (groups, heads, window^2, depth)."""
        _, count, channels = ops.shape(tokens)
        queries = ops.matmul(tokens, self.query_kernel)
        queries = queries + self.query_bias if self.has_qkv_bias else queries
        return ops.transpose(ops.reshape(queries, (-1, count, self.heads, channels // self.heads)), (0, 2, 1, 3))

    def _keys_and_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values, (groups, heads, window^2 / 4, depth): the reduced channels of 2x2 pixels behind each other, split among heads."""
        _, count, channels = ops.shape(tokens)
        half, depth = self.window // 2, channels // self.heads
        both = ops.matmul(tokens, self.key_value_kernel)
        both = both + self.key_value_bias if self.has_qkv_bias else both
        both = ops.reshape(both, (-1, half, 2, half, 2, 2, channels // 4))
        both = ops.reshape(ops.transpose(both, (5, 0, 1, 3, 2, 4, 6)), (2, -1, count // 4, self.heads, depth))
        both = ops.transpose(both, (0, 1, 3, 2, 4))
        return both[0], both[1]

    def _positions(self) -> np.ndarray:
        """Return the row of the bias table for each pixel and each token of a window: that of the token that the pixel is in, (window^2, window^2 / 4)."""
        half = self.window // 2
        tokens = relative_positions(half).reshape(half, half, -1)
        return tokens.repeat(2, 0).repeat(2, 1).reshape(self.window**2, -1)

    def _mask(self, height: Tensor, width: Tensor) -> Tensor | None:
        """Return logits that hide from each other pixels and tokens that rolling or padding brought into one window, (windows, window^2, window^2 / 4).

        None where nothing is rolled or padded, as far as sizes are known. Of an odd shift, tokens are rolled by the half rounded up.
        """
        if not self.shift and all(isinstance(size, int) and size % self.window == 0 for size in (height, width)):
            return None
        sides = [(size, -(-size // self.window)) for size in (height, width)]
        rows, columns = (count for _, count in sides)
        half, shift = self.window // 2, (self.shift + 1) // 2
        pixels = [axis_regions(size, count * self.window, self.window, self.shift) for size, count in sides]
        tokens = [axis_regions((size + 1) // 2, count * half, half, shift) for size, count in sides]
        queries = window_regions((pixels[0], pixels[1]), rows, columns, self.window)
        return mask_between(queries, window_regions((tokens[0], tokens[1]), rows, columns, half), self.compute_dtype)

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the constants in the state_dict of the reference implementation, by their names below the module or, with ^, beside it."""
        buffers = {"aligned_relative_position_index": self._positions()}
        if self.shift:
            side = max(2, REFERENCE_SIDE // self.window) * self.window
            buffers["^attn_mask"] = ops.convert_to_numpy(self._mask(side, side)).astype(np.float32)
        return buffers

    def receptive_window(self, axis: int) -> Window:
        return Window.around(2 * self.window - 1)

    def alignment(self) -> int:
        """Return the side of a window: windows begin at multiples of it."""
        return self.window

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = input_shape
        pixels = -(-height // self.window) * -(-width // self.window) * self.window**2
        return pixels * 5 * channels**2 // 2 + 2 * pixels * self.window**2 // 4 * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"window": self.window, "shift": self.shift}
