"""Self-attention inside rectangular windows, half of the channels in upright and half in flat ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from visionfw.layers.attention.base import mix_values
from visionfw.layers.attention.partition import axis_regions, bias_of_positions, mask_between, merge_windows, relative_positions, split_windows, window_regions
from visionfw.layers.attention.window import REFERENCE_SIDE, TRUNCATED_NORMAL
from visionfw.layers.windows import Window
from visionfw.numerics import Tensor

#: The weights of the network that computes the position bias -> their names in the reference.
_POSITION_WEIGHTS = {
    "project_kernel": "pos_proj.weight",
    "project_bias": "pos_proj.bias",
    **{f"norm_{stage}_gamma": f"pos{stage}.0.weight" for stage in (1, 2, 3)},
    **{f"norm_{stage}_beta": f"pos{stage}.0.bias" for stage in (1, 2, 3)},
    **{f"dense_{stage}_kernel": f"pos{stage}.2.weight" for stage in (1, 2, 3)},
    **{f"dense_{stage}_bias": f"pos{stage}.2.bias" for stage in (1, 2, 3)},
}
_NORM_EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="visionfw")
class RectangleWindowAttention(keras.layers.Layer):
    """Multi-head self-attention inside rectangular windows: the first half of the channels in windows of `window`, the second in turned ones.

    The bias of each relative position comes from a small network of its coordinates (dynamic position bias). Images are padded with zeros
    below and to the right to multiples of the longer side, and cropped again; as in the reference, padding is attended to.

    Args:
        heads: number of heads; each half of the channels has heads // 2.
        window: height and width of the first half's windows. One divides the other.
        shifted: shift the windows by half of their height and width.

    Shapes: (batch, height, width, 3 c), queries, keys and values as one projection makes them -> (batch, height, width, c).

    Reference: Chen et al., Cross Aggregation Transformer (CAT), NeurIPS 2022; Dual Aggregation Transformer (DAT), ICCV 2023. The bias:
    Wang et al. (CrossFormer), ICLR 2022.
    """

    torch_weights: ClassVar[dict[str, str]] = {
        f"position_{half}_{name}": f"attns.{half}.pos.{key}" for half in (0, 1) for name, key in _POSITION_WEIGHTS.items()
    }

    def __init__(self, heads: int = 6, window: Sequence[int] = (8, 32), shifted: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if heads < 2:
            raise ValueError(f"heads must be at least 2, not {heads!r}")
        if len(window) != 2 or min(window) < 1 or max(window) % min(window):
            raise ValueError(f"window must be two sides of which one divides the other, not {window!r}")
        self.heads, self.window, self.shifted = heads, (window[0], window[1]), shifted

    def _check(self, channels: int) -> None:
        if channels % 6 or channels // 6 % (self.heads // 2):
            raise ValueError(f"{channels} channels cannot be split into queries, keys and values of {self.heads // 2} heads in each half")
        if channels < 96:
            raise ValueError(f"{channels} channels of queries, keys and values are fewer than 96: nothing would be left for the position bias")

    def build(self, input_shape: tuple) -> None:
        self._check(input_shape[-1])
        hidden = input_shape[-1] // 6 // 4 // 4
        for half in (0, 1):
            self._add_position_weights(half, hidden)
        self.built = True

    def _add_position_weights(self, half: int, hidden: int) -> None:
        outputs = {"project": hidden, "dense_1": hidden, "dense_2": hidden, "dense_3": self.heads // 2}
        for name in _POSITION_WEIGHTS:
            layer, _, kind = name.rpartition("_")
            shape = (2 if layer == "project" else hidden, outputs[layer]) if kind == "kernel" else (outputs.get(layer, hidden),)
            initializer = {"kernel": TRUNCATED_NORMAL, "gamma": "ones"}.get(kind, "zeros")
            setattr(self, f"position_{half}_{name}", self.add_weight(name=f"position_{half}_{name}", shape=shape, initializer=initializer))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        self._check(input_shape[-1])
        return (*input_shape[:-1], input_shape[-1] // 3)

    def call(self, qkv: Tensor) -> Tensor:
        _, height, width, channels = ops.shape(qkv)
        side = max(self.window)
        padded = ops.pad(qkv, ((0, 0), (0, -height % side), (0, -width % side), (0, 0)))
        _, rows, columns, _ = ops.shape(padded)
        halves = ops.reshape(padded, (-1, rows, columns, 3, 2, channels // 6))
        attended = [self._attend(ops.reshape(halves[..., half, :], (-1, rows, columns, channels // 2)), half) for half in (0, 1)]
        return ops.concatenate(attended, axis=-1)[:, :height, :width]

    def _window(self, half: int) -> tuple[int, int]:
        return (self.window[0], self.window[1]) if half == 0 else (self.window[1], self.window[0])

    def _attend(self, qkv: Tensor, half: int) -> Tensor:
        """Attend inside the windows of one half of the channels: (batch, height, width, 3 c / 2) -> (batch, height, width, c / 2)."""
        window = self._window(half)
        heads, channels = self.heads // 2, qkv.shape[-1] // 3
        _, height, width, _ = ops.shape(qkv)
        rows, columns = height // window[0], width // window[1]
        shift = self._shift(half)
        tokens = split_windows(ops.roll(qkv, (-shift[0], -shift[1]), axis=(1, 2)), rows, columns, window)
        tokens = ops.reshape(tokens, (-1, window[0] * window[1], 3, heads, channels // heads))
        tokens = ops.transpose(tokens, (2, 0, 3, 1, 4))
        mask = ops.cast(self._mask(height, width, half), self.compute_dtype) if self.shifted else None
        mixed = mix_values(tokens[0], tokens[1], tokens[2], self._position_bias(half), mask)
        return ops.roll(merge_windows(mixed, rows, columns, window), shift, axis=(1, 2))

    def _shift(self, half: int) -> tuple[int, int]:
        window = self._window(half)
        return (window[0] // 2, window[1] // 2) if self.shifted else (0, 0)

    def _mask(self, height: Tensor, width: Tensor, half: int) -> Tensor:
        """Return logits that hide from each other the pixels that only rolling brought into one window, (windows, pixels, pixels)."""
        window = self._window(half)
        sizes = zip((height, width), window, self._shift(half), strict=True)
        down, right = (axis_regions(size, size, side, shift) for size, side, shift in sizes)
        regions = window_regions((down, right), height // window[0], width // window[1], window)
        return mask_between(regions, regions, "float32")

    def _position_bias(self, half: int) -> Tensor:
        """Return the bias of each pair of a window's pixels: (1, heads, pixels, pixels)."""
        window = self._window(half)
        x = self._dense(ops.convert_to_tensor(_coordinates(window), self.compute_dtype), half, "project")
        for stage in (1, 2, 3):
            x = ops.layer_normalization(x, self._weight(half, f"norm_{stage}_gamma"), self._weight(half, f"norm_{stage}_beta"), epsilon=_NORM_EPSILON)
            x = self._dense(ops.relu(x), half, f"dense_{stage}")
        return bias_of_positions(x, relative_positions(window))

    def _weight(self, half: int, name: str) -> Tensor:
        return ops.convert_to_tensor(getattr(self, f"position_{half}_{name}"), self.compute_dtype)

    def _dense(self, x: Tensor, half: int, name: str) -> Tensor:
        return ops.matmul(x, self._weight(half, f"{name}_kernel")) + self._weight(half, f"{name}_bias")

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the constants in the state_dict of the reference implementation: positions, their index and the masks of shifted windows."""
        buffers = {}
        side = -(-REFERENCE_SIDE // max(self.window)) * max(self.window)
        for half in (0, 1):
            buffers[f"attns.{half}.rpe_biases"] = _coordinates(self._window(half))
            buffers[f"attns.{half}.relative_position_index"] = relative_positions(self._window(half))
            if self.shifted:
                buffers[f"attn_mask_{half}"] = ops.convert_to_numpy(self._mask(side, side, half))
        return buffers

    def receptive_window(self, axis: int) -> Window:
        return Window.around(2 * max(self.window) - 1)

    def alignment(self) -> int:
        """Return the longer side of a window: windows of both halves begin at multiples of it."""
        return max(self.window)

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        side = max(self.window)
        pixels = -(-height // side) * -(-width // side) * side**2
        return 2 * pixels * math.prod(self.window) * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads, "window": list(self.window), "shifted": self.shifted}


def _coordinates(window: tuple[int, int]) -> np.ndarray:
    """Return all relative positions inside a window, rows first: ((2 height - 1)(2 width - 1), 2), float32."""
    rows, columns = np.meshgrid(np.arange(1 - window[0], window[0]), np.arange(1 - window[1], window[1]), indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()], axis=-1).astype(np.float32)
