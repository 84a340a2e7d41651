"""Attention from windows to larger windows around them (HAT)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from visionfw.layers.attention.base import MultiHeadSelfAttention
from visionfw.layers.attention.partition import bias_of_positions, merge_windows, split_windows
from visionfw.layers.attention.window import TRUNCATED_NORMAL
from visionfw.layers.windows import Window
from visionfw.numerics import Tensor


def overlapping_positions(side: int, larger: int) -> np.ndarray:
    """Return the position of each pixel of a larger window relative to each pixel of a window, as HAT numbers them: (side^2, larger^2) int64.

    Negative numbers count from the end of the table of (side + larger - 1)^2 rows.
    """
    rows, columns = np.divmod(np.arange(side**2), side)
    their_rows, their_columns = np.divmod(np.arange(larger**2), larger)
    down = their_rows[None] - rows[:, None] + side - larger + 1
    right = their_columns[None] - columns[:, None] + side - larger + 1
    return down * (side + larger - 1) + right


@keras.saving.register_keras_serializable(package="visionfw")
class OverlappingWindowAttention(MultiHeadSelfAttention):
    """Multi-head attention whose queries come from windows, and whose keys and values come from larger windows around them.

    Beyond the image keys and values are zeros. An image whose size is not a multiple of the window is continued with zeros too, and cropped
    afterwards.

    Args:
        heads: number of heads; divides the channels.
        window: side of a window of queries in pixels.
        overlap: pixels by which the windows of keys and values are larger, an even number; half of the window in HAT.
        qkv_bias: queries, keys and values have a bias.

    Shapes: (batch, height, width, c) -> the same.

    Reference: Chen et al., Activating More Pixels in Image Super-Resolution Transformer, CVPR 2023.
    """

    kernel_initializer: Any = TRUNCATED_NORMAL
    torch_weights: ClassVar[dict[str, str]] = MultiHeadSelfAttention.torch_weights | {"relative_position_bias_table": "relative_position_bias_table"}

    def __init__(self, heads: int = 6, window: int = 16, overlap: int = 8, qkv_bias: bool = True, **kwargs: Any):
        super().__init__(heads=heads, qkv_bias=qkv_bias, **kwargs)
        if window < 1 or overlap < 0 or overlap % 2:
            raise ValueError(f"window must be at least 1 and overlap an even number of pixels, not {window!r} and {overlap!r}")
        self.window, self.overlap = window, overlap

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        shape = ((2 * self.window + self.overlap - 1) ** 2, self.heads)
        self.relative_position_bias_table = self.add_weight(name="relative_position_bias_table", shape=shape, initializer=self.kernel_initializer)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        _, height, width, channels = ops.shape(x)
        rows, columns = -(-height // self.window), -(-width // self.window)
        down, right, around = rows * self.window - height, columns * self.window - width, self.overlap // 2
        qkv = self.project(x)
        queries = ops.pad(qkv[..., :channels], ((0, 0), (0, down), (0, right), (0, 0)))
        others = ops.pad(qkv[..., channels:], ((0, 0), (around, down + around), (around, right + around), (0, 0)))
        others = self._larger_windows(others, rows, columns)
        tokens = self.mix(
            self._by_heads(split_windows(queries, rows, columns, self.window)),
            self._by_heads(others[..., :channels]),
            self._by_heads(others[..., channels:]),
            self._bias(),
        )
        return merge_windows(tokens, rows, columns, self.window)[:, :height, :width]

    def _by_heads(self, tokens: Tensor) -> Tensor:
        """Split channels among heads: (groups, tokens, channels) -> (groups, heads, tokens, depth)."""
        _, count, channels = ops.shape(tokens)
        return ops.transpose(ops.reshape(tokens, (-1, count, self.heads, channels // self.heads)), (0, 2, 1, 3))

    def _larger_windows(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the overlapping windows of a padded image: (batch, .., .., c) -> (batch x rows x columns, larger^2, c)."""
        larger = self.window + self.overlap
        for axis, count in ((1, rows), (2, columns)):
            places = ops.expand_dims(ops.arange(count) * self.window, 1) + ops.expand_dims(ops.arange(larger), 0)
            x = ops.take(x, ops.reshape(places, (-1,)), axis=axis)
        return split_windows(x, rows, columns, larger)

    def _bias(self) -> Tensor:
        """Return the bias of each pair of a query and a key, (1, heads, window^2, larger^2)."""
        table = (2 * self.window + self.overlap - 1) ** 2
        return bias_of_positions(self.relative_position_bias_table, self.torch_buffers()["relative_position_index"] % table)

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the constant in the state_dict of the reference implementation, which stands once for all layers."""
        return {"relative_position_index": overlapping_positions(self.window, self.window + self.overlap)}

    def receptive_window(self, axis: int) -> Window:
        return Window.around(2 * self.window - 1 + self.overlap)

    def alignment(self) -> int:
        """Return the side of a window: windows begin at multiples of it."""
        return self.window

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = input_shape
        pixels = -(-height // self.window) * -(-width // self.window) * self.window**2
        return height * width * 3 * channels**2 + pixels * channels**2 + 2 * pixels * (self.window + self.overlap) ** 2 * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"window": self.window, "overlap": self.overlap}
