"""Upsampling that looks for each output pixel at a place which the network chooses."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import keras
import numpy as np
from keras import ops

from visionfw.layers.resampling import shuffle_pixels
from visionfw.layers.windows import Window
from visionfw.numerics import Tensor


@keras.saving.register_keras_serializable(package="visionfw")
class OffsetUpsampling(keras.layers.Layer):
    """Upscales by reading each output pixel, bilinearly, at its own place plus an offset.

    Its two sources are the image and the offsets, in input pixels: for each of the scale x scale output pixels of an input pixel, and for
    each group of channels, how far to the right and how far down of the output pixel's place the input is read. Places outside the image
    are moved to its edge. They are computed in float32 under mixed precision too.

    Args:
        scale: the factor, at least 1.
        groups: groups of channels that share offsets; divides the image's channels.

    Shapes: (batch, height, width, c) and (batch, height, width, 2 x groups x scale^2), channels ordered (axis, group, i, j), columns
        first -> (batch, height x scale, width x scale, c).

    Raises:
        ValueError: `groups` does not divide the channels, or there are more or fewer offsets than that.

    Reference: Liu et al., Learning to Upsample by Learning to Sample, ICCV 2023.
    """

    def __init__(self, scale: int = 2, groups: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        for name, value in (("scale", scale), ("groups", groups)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        self.scale, self.groups = scale, groups

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        if len(input_shape) != 2 or any(not isinstance(shape, list | tuple) or len(shape) != 4 for shape in input_shape):
            raise ValueError("takes two sources: an image and its offsets")
        (batch, height, width, channels), (*_, offsets) = input_shape
        if channels % self.groups:
            raise ValueError(f"{channels} channels cannot be split into {self.groups} groups")
        if offsets != 2 * self.groups * self.scale**2:
            raise ValueError(f"{self.groups} groups at scale {self.scale} need {2 * self.groups * self.scale**2} channels of offsets, not {offsets}")
        return batch, *(None if size is None else size * self.scale for size in (height, width)), channels

    def call(self, inputs: list[Tensor]) -> Tensor:
        image, offsets = inputs
        moved = ops.cast(shuffle_pixels(offsets, self.scale), "float32")
        columns = self._places(ops.shape(image)[2], moved[..., : self.groups], axis=2)
        rows = self._places(ops.shape(image)[1], moved[..., self.groups :], axis=1)
        return self._read(image, rows, columns)

    def _places(self, size: Tensor, moved: Tensor, axis: int) -> Tensor:
        """Return where on an axis of `size` samples each output pixel reads: (batch, rows, columns, groups) float32."""
        own = (ops.cast(ops.arange(size * self.scale), "float32") + 0.5) / self.scale - 0.5
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        return ops.clip(ops.reshape(own, shape) + moved, 0.0, ops.cast(size - 1, "float32"))

    def _read(self, image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the image's values between the pixels around the given places."""
        batch, height, width, channels = ops.shape(image)
        depth = channels // self.groups
        flat = ops.reshape(image, (-1, depth))
        first = ops.reshape(ops.arange(batch), (-1, 1, 1, 1)) * (height * width)
        top, left = ops.floor(rows), ops.floor(columns)
        down, right = (ops.cast(ops.expand_dims(places - whole, -1), image.dtype) for places, whole in ((rows, top), (columns, left)))
        top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
        bottom, last = ops.minimum(top + 1, height - 1), ops.minimum(left + 1, width - 1)

        def pixels(row: Tensor, column: Tensor) -> Tensor:
            places = (first + row * width + column) * self.groups + ops.arange(self.groups)
            return ops.take(flat, places, axis=0)

        upper = pixels(top, left) * (1 - right) + pixels(top, last) * right
        lower = pixels(bottom, left) * (1 - right) + pixels(bottom, last) * right
        return ops.reshape(upper * (1 - down) + lower * down, (-1, height * self.scale, width * self.scale, channels))

    def torch_buffers(self) -> dict[str, np.ndarray]:
        """Return the reference's buffer: the place of each output pixel in its input pixel, which is not learned."""
        places = (np.arange(self.scale) - (self.scale - 1) / 2) / self.scale
        columns, rows = np.tile(places, (self.scale, 1)), np.repeat(places[:, None], self.scale, axis=1)
        both = np.stack([np.tile(axis, (self.groups, 1, 1)) for axis in (columns, rows)])
        return {"init_pos": both.reshape(1, -1, 1, 1).astype("float32")}

    def receptive_window(self, axis: int) -> Window:
        return Window.around(math.inf, Fraction(1, self.scale))  # the offsets may be of any size

    def multiply_adds(self, input_shape: tuple, output_shape: tuple) -> int:
        _, height, width, channels = output_shape
        return 4 * height * width * channels

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale, "groups": self.groups}
