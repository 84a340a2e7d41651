"""Cosine attention inside shifted windows (Swin V2)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from visionfw.layers.attention.base import Heads
from visionfw.layers.attention.partition import bias_of_positions, relative_positions
from visionfw.layers.attention.window import TRUNCATED_NORMAL, attend_in_windows, reference_mask
from visionfw.layers.windows import Window
from visionfw.numerics import Tensor

#: Features of the network that makes position biases.
_HIDDEN = 512


def logarithmic_positions(side: int) -> np.ndarray:
    """Return the relative positions inside a window, on a logarithmic scale in -1 .. 1: (2 x side - 1, 2 x side - 1, 2) float32."""
    steps = np.arange(1 - side, side, dtype=np.float32) * (8 / max(side - 1, 1))
    steps = np.sign(steps) * np.log2(np.abs(steps) + 1) / math.log2(8)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).astype(np.float32)


@keras.saving.register_keras_serializable(package="visionfw")
class CosineWindowAttention(Heads):
    """Multi-head self-attention inside windows by the cosine of queries and keys, with position biases that a small network computes.

    The cosine is multiplied by a learned factor of at most 100 for each head. Images of other sizes are treated as in WindowAttention.

    Args:
        heads: number of heads; divides the channels.
        window: side of a window in pixels.
        shift: how far the windows are shifted, 0 to window - 1.
        qkv_bias: queries and values have a bias.

    Shapes: (batch, height, width, c) -> the same.

    Reference: Liu et al., Swin Transformer V2, CVPR 2022; Conde et al., Swin2SR, ECCVW 2022.
    """

    kernel_initializer: Any = TRUNCATED_NORMAL
    torch_weights: ClassVar[dict[str, str]] = Heads.torch_weights | {
        "qkv_kernel": "qkv.weight",
        "query_bias": "q_bias",
        "value_bias": "v_bias",
        "logit_scale": "logit_scale",
        "position_hidden_kernel": "cpb_mlp.0.weight",
        "position_hidden_bias": "cpb_mlp.0.bias",
        "position_kernel": "cpb_mlp.2.weight",
    }

    def __init__(self, heads: int = 6, window: int = 8, shift: int = 0, qkv_bias: bool = True, **kwargs: Any):
        super().__init__(heads=heads, qkv_bias=qkv_bias, **kwargs)
        if window < 1 or not 0 <= shift < window:
            raise ValueError(f"window must be at least 1 and shift from 0 to window - 1, not {window!r} and {shift!r}")
        self.window, self.shift = window, shift

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self._check(channels)
        self.qkv_kernel = self.add_kernel("qkv_kernel", (channels, 3 * channels))
        if self.has_qkv_bias:
            self.query_bias = self.add_weight(name="query_bias", shape=(channels,), initializer="zeros")
            self.value_bias = self.add_weight(name="value_bias", shape=(channels,), initializer="zeros")
        ten = keras.initializers.Constant(math.log(10))
        self.logit_scale = self.add_weight(name="logit_scale", shape=(self.heads, 1, 1), initializer=ten)
        self.position_hidden_kernel = self.add_kernel("position_hidden_kernel", (2, _HIDDEN))
        self.position_hidden_bias = self.add_weight(name="position_hidden_bias", shape=(_HIDDEN,), initializer="zeros")
        self.position_kernel = self.add_kernel("position_kernel", (_HIDDEN, self.heads))
        super().build(input_shape)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        return attend_in_windows(x, self.window, self.shift, self._attend)

    def _attend(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        _, count, channels = ops.shape(tokens)
        qkv = ops.matmul(tokens, self.qkv_kernel)
        if self.has_qkv_bias:
            query, value = ops.convert_to_tensor(self.query_bias), ops.convert_to_tensor(self.value_bias)
            qkv = qkv + ops.concatenate([query, ops.zeros_like(query), value])
        qkv = ops.transpose(ops.reshape(qkv, (-1, count, 3, self.heads, channels // self.heads)), (2, 0, 3, 1, 4))
        factor = ops.exp(ops.minimum(self.logit_scale, math.log(100))) * math.sqrt(channels // self.heads)  # `mix` divides by the root
        return self.mix(_normalized(qkv[0]) * factor, _normalized(qkv[1]), qkv[2], self._bias(), mask)

    def _bias(self) -> Tensor:
        """Return the bias of each pair of a window's pixels, in 0 .. 16: (1, heads, window^2, window^2)."""
        positions = ops.convert_to_tensor(logarithmic_positions(self.window).reshape(-1, 2), self.compute_dtype)
        hidden = ops.relu(ops.matmul(positions, self.position_hidden_kernel) + self.position_hidden_bias)
        table = 16 * ops.sigmoid(ops.matmul(hidden, self.position_kernel))
        return bias_of_positions(table, relative_positions(self.window))

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the constants in the state_dict of the reference implementation, by their names below the module or, with ^, beside it."""
        buffers = {"relative_position_index": relative_positions(self.window), "relative_coords_table": logarithmic_positions(self.window)[None]}
        return buffers | ({"^attn_mask": reference_mask(self.window, self.shift)} if self.shift else {})

    def receptive_window(self, axis: int) -> Window:
        return Window.around(2 * self.window - 1)

    def alignment(self) -> int:
        """Return the side of a window: windows begin at multiples of it."""
        return self.window

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = input_shape
        pixels = -(-height // self.window) * -(-width // self.window) * self.window**2
        positions = (2 * self.window - 1) ** 2 * _HIDDEN * (2 + self.heads)
        return pixels * 4 * channels**2 + 2 * pixels * self.window**2 * channels + positions

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"window": self.window, "shift": self.shift}


def _normalized(vectors: Tensor) -> Tensor:
    """Divide vectors by their lengths."""
    return vectors * ops.rsqrt(ops.maximum(ops.sum(ops.square(vectors), axis=-1, keepdims=True), 1e-12))
