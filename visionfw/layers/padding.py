"""Padding that continues the image instead of surrounding it with zeros."""

from __future__ import annotations

import keras
from keras import ops


def _sides(padding) -> tuple[tuple[int, int], tuple[int, int]]:
    """Read 2, (1, 2) or ((1, 1), (2, 2)) as ((top, bottom), (left, right))."""
    pair = (padding, padding) if isinstance(padding, int) else tuple(padding)
    sides = tuple((side, side) if isinstance(side, int) else tuple(side) for side in pair)
    if len(sides) != 2 or any(len(side) != 2 or min(side) < 0 for side in sides):
        raise ValueError(f"padding must be a number, (rows, columns) or ((top, bottom), (left, right)), not {padding!r}")
    return sides


class _Padding(keras.layers.Layer):
    """What both paddings are made of; a subclass says which sample stands at a place outside."""

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.padding = _sides(padding)

    def compute_output_shape(self, input_shape):
        batch, *sizes, channels = input_shape
        grown = [None if size is None else size + sum(sides) for size, sides in zip(sizes, self.padding, strict=True)]
        return batch, *grown, channels

    def call(self, x):
        for axis, (before, after) in zip((1, 2), self.padding, strict=True):
            size = ops.shape(x)[axis]
            x = ops.take(x, self.source(ops.arange(-before, size + after), size), axis=axis)
        return x

    def receptive_step(self) -> tuple[float, float]:
        return 1, 1

    def get_config(self):
        return super().get_config() | {"padding": [list(sides) for sides in self.padding]}


@keras.saving.register_keras_serializable(package="visionfw")
class ReplicatePadding(_Padding):
    """Padding that repeats the edge.

    Args:
        padding: pixels on every side, or (rows, columns), or ((top, bottom), (left, right)).

    Shapes: (batch, height, width, c) -> (batch, top + height + bottom, left + width + right, c).
    """

    def source(self, places, size):
        return ops.clip(places, 0, size - 1)


@keras.saving.register_keras_serializable(package="visionfw")
class ReflectPadding(_Padding):
    """Padding that mirrors the image without repeating the edge.

    Args:
        padding: pixels on every side, or (rows, columns), or ((top, bottom), (left, right)).

    Shapes: (batch, height, width, c) -> (batch, top + height + bottom, left + width + right, c).
    """

    def source(self, places, size):
        period = ops.maximum(2 * (size - 1), 1)
        places = ops.mod(places, period)
        return ops.minimum(ops.where(places < size, places, period - places), size - 1)
