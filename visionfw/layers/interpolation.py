"""Interpolation between samples as PyTorch's `interpolate` does it, without antialiasing, the same on every backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import keras
from keras import ops

from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor

_CUBIC = -0.75  # the parameter of PyTorch's bicubic kernel


def _linear(offset: Tensor) -> list[Tensor]:
    """Return the weights of the samples before and behind a place that lies `offset` behind the first."""
    return [1 - offset, offset]


def _cubic(offset: Tensor) -> list[Tensor]:
    """Return the weights of the two samples before and the two behind a place."""

    def near(distance: Tensor) -> Tensor:
        return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1

    def far(distance: Tensor) -> Tensor:
        return ((distance - 5) * distance + 8) * distance * _CUBIC - 4 * _CUBIC

    return [far(offset + 1), near(offset), near(1 - offset), far(2 - offset)]


#: Interpolation -> the weights of its samples from the place between the two middle ones; None for the one nearest sample.
INTERPOLATIONS: dict[str, Callable[[Tensor], list[Tensor]] | None] = {"nearest": None, "bilinear": _linear, "bicubic": _cubic}


def resize_axis(x: Tensor, axis: int, new: Tensor, interpolation: str, align_corners: bool = False) -> Tensor:
    """Resize one axis of an image.

    Args:
        x: (batch, height, width, c).
        axis: 1 or 2.
        new: its new size.
        interpolation: one of INTERPOLATIONS.
        align_corners: the first and last samples keep their places, not the edges of the image.
    """
    old = ops.shape(x)[axis]
    targets = ops.arange(new)
    weigh = INTERPOLATIONS[interpolation]
    if weigh is None:
        return ops.take(x, ops.floor_divide(targets * old, new), axis=axis)
    place, unit = (targets * (old - 1), ops.maximum(new - 1, 1)) if align_corners else ((2 * targets + 1) * old - new, 2 * new)
    if interpolation == "bilinear":
        place = ops.maximum(place, 0)
    first = ops.floor_divide(place, unit)  # in whole numbers, which do not round
    offset = ops.cast(place - first * unit, "float32") / ops.cast(unit, "float32")
    weights = [ops.cast(weight, x.dtype) for weight in weigh(offset)]
    shape = [1, -1, 1, 1] if axis == 1 else [1, 1, -1, 1]
    begin = first - (len(weights) // 2 - 1)
    return sum(ops.take(x, ops.clip(begin + tap, 0, old - 1), axis=axis) * ops.reshape(weight, shape) for tap, weight in enumerate(weights))


class _Interpolation(keras.layers.Layer):
    """The base of both layers: their parameters."""

    def __init__(self, interpolation: str = "bilinear", align_corners: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be {', '.join(INTERPOLATIONS)}, not {interpolation!r}")
        self.interpolation, self.align_corners = interpolation, align_corners

    def resize(self, x: Tensor, sizes: Sequence[Tensor]) -> Tensor:
        """Resize an image to (height, width)."""
        for axis, size in zip((1, 2), sizes, strict=True):
            x = resize_axis(x, axis, size, self.interpolation, self.align_corners)
        return x

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"interpolation": self.interpolation, "align_corners": self.align_corners}


@keras.saving.register_keras_serializable(package="visionfw")
class ResizeLike(_Interpolation):
    """Resizes its first source to the height and width of its second one, of which nothing else is read.

    Args:
        interpolation: 'nearest', 'bilinear' or 'bicubic' (a = -0.75), as in PyTorch's `interpolate`, without antialiasing.
        align_corners: the first and last pixels keep their places, not the edges of the image; not for 'nearest'.

    Shapes: (batch, any, any, c) and (batch, height, width, any) -> (batch, height, width, c).
    """

    #: Of the second source only the size is read, and the output has it.
    value_sources = 1
    has_size_of_last = True

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        if len(input_shape) != 2 or any(not isinstance(shape, list | tuple) or len(shape) != 4 for shape in input_shape):
            raise ValueError("takes two sources: an image, and one that has the size it is resized to")
        image, like = input_shape
        return image[0], *like[1:3], image[-1]

    def call(self, inputs: list[Tensor]) -> Tensor:
        image, like = inputs
        return self.resize(image, ops.shape(like)[1:3])

    def receptive_window(self, axis: int) -> Window:
        return WHOLE_IMAGE  # where the sizes are in no fixed ratio, pixels lie in other places in a tile than in the image


@keras.saving.register_keras_serializable(package="visionfw")
class Interpolate(_Interpolation):
    """Enlarges an image as PyTorch's `interpolate` does.

    Args:
        scale: the factor, at least 1.
        interpolation: 'nearest', 'bilinear' or 'bicubic' (a = -0.75; `Bicubic` and UpSampling2D have other kernels).
        align_corners: the first and last pixels keep their places, not the edges of the image; not for 'nearest'.

    Shapes: (batch, height, width, c) -> (batch, height x scale, width x scale, c).
    """

    def __init__(self, scale: int = 2, interpolation: str = "bilinear", align_corners: bool = False, **kwargs: Any):
        super().__init__(interpolation, align_corners, **kwargs)
        if isinstance(scale, bool) or not isinstance(scale, int) or scale < 1:
            raise ValueError(f"scale must be a whole number of at least 1, not {scale!r}")
        self.scale = scale

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sizes, channels = input_shape
        return batch, *(None if size is None else size * self.scale for size in sizes), channels

    def call(self, x: Tensor) -> Tensor:
        return self.resize(x, [size * self.scale for size in ops.shape(x)[1:3]])

    def receptive_window(self, axis: int) -> Window:
        taps = {"nearest": 1, "bilinear": 2, "bicubic": 4}[self.interpolation]
        return Window.around(math.inf if self.align_corners else taps, Fraction(1, self.scale))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale}
