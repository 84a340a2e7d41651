"""Self-attention inside shifted windows (Swin)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from visionfw.layers.attention.base import MultiHeadSelfAttention, mix_values
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


def attend_in_windows(x: Tensor, window: int, shift: int, attend: Callable[[Tensor, Tensor | None], Tensor]) -> Tensor:
    """Attend inside the windows of an image of any size; what is padded is cropped again.

    Args:
        x: (batch, height, width, c).
        window: side of a window.
        shift: how far the windows are shifted.
        attend: a function of tokens (batch x windows, window^2, c) and a mask (windows, window^2, window^2), or None where all pixels of
            a window belong together; returns (batch x windows, window^2, any).
    """
    _, height, width, _ = ops.shape(x)
    rows, columns = -(-height // window), -(-width // window)
    padded = ops.pad(x, ((0, 0), (0, rows * window - height), (0, columns * window - width), (0, 0)))
    padded = ops.roll(padded, (-shift, -shift), axis=(1, 2))
    tokens = attend(split_windows(padded, rows, columns, window), _mask(height, width, window, shift, x.dtype))
    return ops.roll(merge_windows(tokens, rows, columns, window), (shift, shift), axis=(1, 2))[:, :height, :width]


def _mask(height: Tensor, width: Tensor, window: int, shift: int, dtype: Any) -> Tensor | None:
    """Return logits that hide from each other the pixels that rolling or padding brought into one window, (windows, window^2, window^2).

    None where nothing is rolled or padded, as far as sizes are known.
    """
    if not shift and all(isinstance(size, int) and size % window == 0 for size in (height, width)):
        return None
    rows, columns = -(-height // window), -(-width // window)
    down, right = (axis_regions(size, count * window, window, shift) for size, count in ((height, rows), (width, columns)))
    regions = window_regions((down, right), rows, columns, window)
    return mask_between(regions, regions, dtype)


def reference_mask(window: int, shift: int) -> np.ndarray:
    """Return the mask of shifted windows for the images that reference implementations store it for, (windows, window^2, window^2) float32."""
    side = max(2, REFERENCE_SIDE // window) * window
    return ops.convert_to_numpy(_mask(side, side, window, shift, "float32"))


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
        bias = bias_of_positions(self.relative_position_bias_table, relative_positions(self.window))
        return attend_in_windows(x, self.window, self.shift, lambda tokens, mask: self.attend(tokens, bias, mask))

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the constants in the state_dict of the reference implementation, by their names below the module or, with ^, beside it."""
        buffers = {"relative_position_index": relative_positions(self.window)}
        if self.shift:
            buffers["^attn_mask"] = reference_mask(self.window, self.shift)
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


@keras.saving.register_keras_serializable(package="visionfw")
class QkvWindowAttention(keras.layers.Layer):
    """`WindowAttention` of queries, keys and values that another layer made, without an output projection.

    Args:
        heads: number of heads; divides the channels.
        window: side of a window in pixels.
        shift: how far the windows are shifted, 0 to window - 1.

    Shapes: (batch, height, width, 3 c) -> (batch, height, width, c).

    Reference: Liu et al., Swin Transformer, ICCV 2021; on shared queries, keys and values in Zhang et al. (ATD), CVPR 2024.
    """

    torch_weights: ClassVar[dict[str, str]] = {"relative_position_bias_table": "relative_position_bias_table"}

    def __init__(self, heads: int = 6, window: int = 8, shift: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        if heads < 1 or window < 1 or not 0 <= shift < window:
            raise ValueError(f"heads and window must be at least 1 and shift from 0 to window - 1, not {heads!r}, {window!r} and {shift!r}")
        self.heads, self.window, self.shift = heads, window, shift

    def _check(self, channels: int) -> None:
        if channels % (3 * self.heads):
            raise ValueError(f"{channels} channels cannot be split into queries, keys and values of {self.heads} heads")

    def build(self, input_shape: tuple) -> None:
        self._check(input_shape[-1])
        shape = ((2 * self.window - 1) ** 2, self.heads)
        self.relative_position_bias_table = self.add_weight(name="relative_position_bias_table", shape=shape, initializer=TRUNCATED_NORMAL)
        self.built = True

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        self._check(input_shape[-1])
        return (*input_shape[:-1], input_shape[-1] // 3)

    def call(self, qkv: Tensor) -> Tensor:
        return attend_in_windows(qkv, self.window, self.shift, self._attend)

    def _attend(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        _, count, channels = ops.shape(tokens)
        tokens = ops.transpose(ops.reshape(tokens, (-1, count, 3, self.heads, channels // 3 // self.heads)), (2, 0, 3, 1, 4))
        bias = bias_of_positions(self.relative_position_bias_table, relative_positions(self.window))
        return mix_values(tokens[0], tokens[1], tokens[2], bias, mask)

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the constant in the state_dict of the reference implementation."""
        return {"relative_position_index": relative_positions(self.window)}

    def receptive_window(self, axis: int) -> Window:
        return Window.around(2 * self.window - 1)

    def alignment(self) -> int:
        """Return the side of a window: windows begin at multiples of it."""
        return self.window

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        return 2 * -(-height // self.window) * -(-width // self.window) * self.window**4 * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads, "window": self.window, "shift": self.shift}
