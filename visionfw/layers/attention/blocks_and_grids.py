"""Self-attention among the pixels, or among the channels, of groups that cover an image: blocks of neighbors, or grids of far pixels."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras
from keras import ops

from visionfw.layers.attention.partition import bias_of_positions, relative_positions
from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor

_SMALLEST_NORM = 1e-12


class _GroupAttention(keras.layers.Layer):
    """The base of both: groups of pixels, and the heads of the queries, keys and values that a layer before this one made.

    Args:
        heads: number of heads; divides the channels.
        window: side of a block, in pixels; divides height and width.
        grid: groups are grids over the whole image instead of blocks.
    """

    def __init__(self, heads: int = 4, window: int = 8, grid: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        for name, value in (("heads", heads), ("window", window)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        self.heads, self.window, self.grid = heads, window, grid

    def _check(self, shape: tuple) -> None:
        *_, height, width, channels = shape
        if channels % (3 * self.heads):
            raise ValueError(f"{channels} channels cannot be split into queries, keys and values of {self.heads} heads")
        if any(size is not None and size % self.window for size in (height, width)):
            raise ValueError(f"sides of {height} and {width} are no multiples of the window {self.window}; the dictionary's key 'multiple' pads them")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        self._check(input_shape)
        return (*input_shape[:-1], input_shape[-1] // 3)

    def _grouped(self, qkv: Tensor, sides: tuple, inside: tuple[int, int]) -> Tensor:
        """Return queries, keys and values of each group: (3, groups, heads, tokens, depth).

        Args:
            qkv: (batch, height, width, 3 c).
            sides: (a, b, c, d), height = a x b and width = c x d.
            inside: which of the four are places in a group, (0, 2) or (1, 3); the others number the groups.
        """
        depth = qkv.shape[-1] // 3 // self.heads
        x = ops.reshape(qkv, (-1, *sides, qkv.shape[-1]))
        x = ops.transpose(x, (0, *(1 + axis for axis in _others(inside)), *(1 + axis for axis in inside), 5))
        x = ops.reshape(x, (-1, sides[inside[0]] * sides[inside[1]], 3, self.heads, depth))
        return ops.transpose(x, (2, 0, 3, 1, 4))

    def _joined(self, mixed: Tensor, sides: tuple, inside: tuple[int, int]) -> Tensor:
        """Return the image of the groups' values: (groups, heads, tokens, depth) -> (batch, height, width, c), the inverse of `_grouped`."""
        outside = _others(inside)
        channels = self.heads * mixed.shape[-1]
        x = ops.transpose(mixed, (0, 2, 1, 3))
        x = ops.reshape(x, (-1, *(sides[axis] for axis in outside), *(sides[axis] for axis in inside), channels))
        places = [(*outside, *inside).index(axis) + 1 for axis in range(4)]
        return ops.reshape(ops.transpose(x, (0, *places, 5)), (-1, sides[0] * sides[1], sides[2] * sides[3], channels))

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE if self.grid else Window.around(2 * self.window - 1)

    def alignment(self) -> int:
        """Return the side of a block: blocks begin at multiples of it."""
        return self.window

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads, "window": self.window, "grid": self.grid}


def _others(inside: tuple[int, int]) -> tuple[int, int]:
    """Return the two of the four parts of height and width that are not `inside`."""
    return (1, 3) if inside == (0, 2) else (0, 2)


@keras.saving.register_keras_serializable(package="visionfw")
class BlockAttention(_GroupAttention):
    """Multi-head self-attention among the pixels of each group, with an optional learned bias for each relative position.

    Args:
        heads: number of heads; divides the channels.
        window: side of a block, in pixels; divides height and width.
        grid: a group is a grid of window x window pixels, equally far apart over the whole image, instead of a block of neighbors.
        position_bias: learn a bias for each relative position.

    Shapes: (batch, height, width, 3 c), queries, keys and values as one projection makes them -> (batch, height, width, c).

    Reference: Tu et al. (MaxViT), ECCV 2022; as one projection's part by Wang et al. (Omni-SR), CVPR 2023.
    """

    torch_weights: ClassVar[dict[str, str]] = {"position_bias": "rel_pos_bias.weight"}

    def __init__(self, heads: int = 4, window: int = 8, grid: bool = False, position_bias: bool = True, **kwargs: Any):
        super().__init__(heads=heads, window=window, grid=grid, **kwargs)
        self.has_position_bias = position_bias

    def build(self, input_shape: tuple) -> None:
        self._check(input_shape)
        if self.has_position_bias:
            shape = ((2 * self.window - 1) ** 2, self.heads)
            self.position_bias = self.add_weight(name="position_bias", shape=shape, initializer=keras.initializers.RandomNormal(stddev=0.02))
        self.built = True

    def call(self, qkv: Tensor) -> Tensor:
        _, height, width, channels = ops.shape(qkv)
        side, inside = self.window, (0, 2) if self.grid else (1, 3)
        sides = (side, height // side, side, width // side) if self.grid else (height // side, side, width // side, side)
        queries, keys, values = ops.unstack(self._grouped(qkv, sides, inside), 3, axis=0)
        logits = ops.matmul(queries * (1 / math.sqrt(channels // 3 // self.heads)), ops.swapaxes(keys, -1, -2))
        if self.has_position_bias:
            logits = logits + bias_of_positions(self.position_bias, relative_positions(side))
        return self._joined(ops.matmul(ops.softmax(logits, axis=-1), values), sides, inside)

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        return 2 * height * width * self.window**2 * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"position_bias": self.has_position_bias}


@keras.saving.register_keras_serializable(package="visionfw")
class BlockChannelAttention(_GroupAttention):
    """Multi-head self-attention among the channels of each group of pixels.

    Queries and keys of a channel are its values at the group's pixels, divided by their norm; the logits are multiplied by a learned
    temperature for each head.

    Args:
        heads: number of heads; divides the channels.
        window: side of a block, in pixels; divides height and width.
        grid: a group holds every window-th pixel of every window-th row of the whole image, instead of a block of neighbors.

    Shapes: (batch, height, width, 3 c), queries, keys and values as one projection makes them -> (batch, height, width, c).

    Reference: Wang et al. (Omni-SR), CVPR 2023; of all pixels by El-Nouby et al. (XCiT), NeurIPS 2021.
    """

    torch_weights: ClassVar[dict[str, str]] = {"temperature": "temperature"}

    def build(self, input_shape: tuple) -> None:
        self._check(input_shape)
        self.temperature = self.add_weight(name="temperature", shape=(self.heads, 1, 1), initializer="ones")
        self.built = True

    def call(self, qkv: Tensor) -> Tensor:
        _, height, width, _ = ops.shape(qkv)
        sides = (height // self.window, self.window, width // self.window, self.window)
        inside = (0, 2) if self.grid else (1, 3)
        queries, keys, values = ops.unstack(self._grouped(qkv, sides, inside), 3, axis=0)
        logits = ops.matmul(ops.swapaxes(_unit(queries), -1, -2), _unit(keys)) * self.temperature
        mixed = ops.matmul(values, ops.swapaxes(ops.softmax(logits, axis=-1), -1, -2))
        return self._joined(mixed, sides, inside)

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        return 2 * height * width * channels * (channels // self.heads)


def _unit(x: Tensor) -> Tensor:
    """Divide each channel, (groups, heads, pixels, depth), by its norm over the pixels, computed in float32."""
    wide = ops.cast(x, "float32")
    norm = ops.sqrt(ops.maximum(ops.sum(ops.square(wide), axis=-2, keepdims=True), _SMALLEST_NORM**2))
    return ops.cast(wide / norm, x.dtype)
