"""Self-attention inside shifted windows (Swin)."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from visionfw.layers.attention.base import MultiHeadSelfAttention
from visionfw.layers.attention.partition import (
    axis_regions,
    bias_of_positions,
    mask_between,
    merge_windows,
    relative_positions,
    split_windows,
    window_regions,
)
from visionfw.layers.windows import Window
from visionfw.numerics import Tensor

#: The initializer of Swin's kernels and bias tables.
TRUNCATED_NORMAL = {"class_name": "TruncatedNormal", "config": {"stddev": 0.02}}
#: The side of the training images for which the reference implementations store their masks.
REFERENCE_SIDE = 64


@keras.saving.register_keras_serializable(package="visionfw")
class WindowAttention(MultiHeadSelfAttention):
    """Multi-head self-attention inside windows, with an optional shift and a learned bias for each relative position.

    An image whose size is not a multiple of the window is zero-padded and cropped back afterwards; padded pixels are masked, so they are
    never attended to. The published models reflect their input to a multiple instead: the key `multiple` of a dictionary.

    Args:
        heads: number of heads; divides the channels.
        window: side of a window in pixels.
        shift: how far the windows are shifted, 0 to window - 1 (half a window in every second block of SwinIR).
        qkv_bias: queries, keys and values have a bias.

    Shapes: (batch, height, width, c) -> the same.

    Reference: Liu et al., Swin Transformer, ICCV 2021; Liang et al., SwinIR, ICCVW 2021.
    """

    kernel_initializer: Any = TRUNCATED_NORMAL
    torch_weights: ClassVar[dict[str, str]] = MultiHeadSelfAttention.torch_weights | {"relative_position_bias_table": "relative_position_bias_table"}

    def __init__(self, heads: int = 6, window: int = 8, shift: int = 0, qkv_bias: bool = True, **kwargs: Any):
        super().__init__(heads=heads, qkv_bias=qkv_bias, **kwargs)
        if window < 1 or not 0 <= shift < window:
            raise ValueError(f"window must be at least 1 and shift from 0 to window - 1, not {window!r} and {shift!r}")
        self.window, self.shift = window, shift

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        shape = ((2 * self.window - 1) ** 2, self.heads)
        self.relative_position_bias_table = self.add_weight(name="relative_position_bias_table", shape=shape, initializer=self.kernel_initializer)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        _, height, width, _ = ops.shape(x)
        rows, columns = -(-height // self.window), -(-width // self.window)
        padded = ops.pad(x, ((0, 0), (0, rows * self.window - height), (0, columns * self.window - width), (0, 0)))
        padded = ops.roll(padded, (-self.shift, -self.shift), axis=(1, 2))
        bias = bias_of_positions(self.relative_position_bias_table, relative_positions(self.window))
        tokens = self.attend(split_windows(padded, rows, columns, self.window), bias, self._mask(height, width, rows, columns))
        whole = merge_windows(tokens, rows, columns, self.window)
        return ops.roll(whole, (self.shift, self.shift), axis=(1, 2))[:, :height, :width]

    def _mask(self, height: Tensor, width: Tensor, rows: Tensor, columns: Tensor) -> Tensor | None:
        """Return logits that hide from each other the pixels that rolling or padding brought into one window, (windows, window^2, window^2).

        None where nothing is rolled or padded, as far as sizes are known.
        """
        if not self.shift and all(isinstance(size, int) and size % self.window == 0 for size in (height, width)):
            return None
        sizes = ((height, rows), (width, columns))
        down, right = (axis_regions(size, count * self.window, self.window, self.shift) for size, count in sizes)
        regions = window_regions((down, right), rows, columns, self.window)
        return mask_between(regions, regions, self.compute_dtype)

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the constants in the state_dict of the reference implementation, by their names below the module or, with ^, beside it."""
        buffers = {"relative_position_index": relative_positions(self.window)}
        if self.shift:
            count = -(-REFERENCE_SIDE // self.window)
            side = count * self.window
            buffers["^attn_mask"] = ops.convert_to_numpy(self._mask(side, side, count, count)).astype(np.float32)
        return buffers

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
