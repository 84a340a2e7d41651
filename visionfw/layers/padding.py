"""Padding that continues the image instead of surrounding it with zeros."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from visionfw.layers.windows import Window
from visionfw.numerics import Tensor

Sides = tuple[tuple[int, int], tuple[int, int]]


def _sides(padding: Any) -> Sides:
    """Read 2, (1, 2) or ((1, 1), (2, 2)) as ((top, bottom), (left, right))."""
    pair = (padding, padding) if isinstance(padding, int) else tuple(padding)
    sides = tuple((side, side) if isinstance(side, int) else tuple(side) for side in pair)
    if len(sides) != 2 or any(len(side) != 2 or min(side) < 0 for side in sides):
        raise ValueError(f"padding must be a number, (rows, columns) or ((top, bottom), (left, right)), not {padding!r}")
    return sides


class _Padding(keras.layers.Layer):
    """The base of both paddings: a subclass says which sample stands at a position outside the image."""

    def __init__(self, padding: Any = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = _sides(padding)

    def source(self, positions: Tensor, size: Tensor) -> Tensor:
        """Return the positions inside an axis of `size` samples whose values stand at `positions`, some of them outside."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sizes, channels = input_shape
        grown = [None if size is None else size + sum(sides) for size, sides in zip(sizes, self.padding, strict=True)]
        return batch, *grown, channels

    def call(self, x: Tensor) -> Tensor:
        for axis, (before, after) in zip((1, 2), self.padding, strict=True):
            size = ops.shape(x)[axis]
            x = ops.take(x, self.source(ops.arange(-before, size + after), size), axis=axis)
        return x

    def receptive_window(self, axis: int) -> Window:
        added = float(sum(self.padding[axis]))
        return Window(1, Fraction(1), -added, added)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"padding": [list(sides) for sides in self.padding]}


@keras.saving.register_keras_serializable(package="visionfw")
class ReplicatePadding(_Padding):
    """Padding that repeats the edge.

    Args:
        padding: pixels on every side, or (rows, columns), or ((top, bottom), (left, right)).

    Shapes: (batch, height, width, c) -> (batch, top + height + bottom, left + width + right, c).
    """

    def source(self, positions: Tensor, size: Tensor) -> Tensor:
        return ops.clip(positions, 0, size - 1)


@keras.saving.register_keras_serializable(package="visionfw")
class ReflectPadding(_Padding):
    """Padding that mirrors the image without repeating the edge.

    Args:
        padding: pixels on every side, or (rows, columns), or ((top, bottom), (left, right)).

    Shapes: (batch, height, width, c) -> (batch, top + height + bottom, left + width + right, c).
    """

    def source(self, positions: Tensor, size: Tensor) -> Tensor:
        period = ops.maximum(2 * (size - 1), 1)
        positions = ops.mod(positions, period)
        return ops.minimum(ops.where(positions < size, positions, period - positions), size - 1)

    def receptive_window(self, axis: int) -> Window:
        before, after = self.padding[axis]
        return Window(1, Fraction(1), -float(before + 2 * after), float(before))  # the last sample outside is one from inside the far edge
