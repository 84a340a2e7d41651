"""Layers that change the size of an image: pixel shuffle, bicubic and nearest-neighbor upscaling."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from visionfw.layers.windows import Window
from visionfw.numerics import Tensor, resampling_taps


def _positive(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return value


def _times(size: int | None, factor: int) -> int | None:
    return None if size is None else size * factor


def shuffle_pixels(x: Tensor, size: int) -> Tensor:
    """Move channels into space: (batch, h, w, c x size x size) -> (batch, h x size, w x size, c), channels ordered (c, i, j)."""
    _, height, width, channels = ops.shape(x)
    features = channels // size**2
    x = ops.reshape(x, (-1, height, width, features, size, size))
    x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
    return ops.reshape(x, (-1, height * size, width * size, features))


@keras.saving.register_keras_serializable(package="visionfw")
class PixelShuffle(keras.layers.Layer):
    """Sub-pixel upscaling: size x size channels become one channel of `size` times the height and width.

    Channels are ordered (c, i, j), as in PyTorch's PixelShuffle and published weights.

    Args:
        size: the factor, at least 1.

    Shapes: (batch, height, width, c x size^2) -> (batch, height x size, width x size, c).

    Raises:
        ValueError: the number of channels is not a multiple of size^2.

    Reference: Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN, CVPR 2016.
    """

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = _positive("size", size)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        if channels % self.size**2:
            raise ValueError(f"{channels} channels are no multiple of {self.size} x {self.size}")
        return batch, _times(height, self.size), _times(width, self.size), channels // self.size**2

    def call(self, x: Tensor) -> Tensor:
        return shuffle_pixels(x, self.size)

    def receptive_window(self, axis: int) -> Window:
        return Window.around(1, 1 / self.size)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size}


@keras.saving.register_keras_serializable(package="visionfw")
class PixelUnshuffle(keras.layers.Layer):
    """The inverse of PixelShuffle: size x size pixels of a channel become one pixel of as many channels, in PyTorch's order (c, i, j).

    Args:
        size: the factor, at least 1.

    Shapes: (batch, height x size, width x size, c) -> (batch, height, width, c x size^2).

    Raises:
        ValueError: the height or width is not a multiple of `size`.
    """

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = _positive("size", size)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sides, channels = input_shape
        if any(side is not None and side % self.size for side in sides):
            raise ValueError(f"sides of {sides[0]} x {sides[1]} are no multiples of {self.size}; the model's key 'multiple' pads them")
        return batch, *(None if side is None else side // self.size for side in sides), channels * self.size**2

    def call(self, x: Tensor) -> Tensor:
        _, height, width, channels = ops.shape(x)
        size, rows, columns = self.size, height // self.size, width // self.size
        x = ops.reshape(x, (-1, rows, size, columns, size, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 5, 2, 4)), (-1, rows, columns, channels * size**2))

    def receptive_window(self, axis: int) -> Window:
        return Window.strided(self.size, self.size, False)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size}


@keras.saving.register_keras_serializable(package="visionfw")
class Nearest(keras.layers.Layer):
    """Nearest-neighbor upscaling: every pixel is repeated.

    Args:
        scale: the factor, at least 1.

    Shapes: (batch, height, width, c) -> (batch, height x scale, width x scale, c).
    """

    def __init__(self, scale: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = _positive("scale", scale)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return batch, _times(height, self.scale), _times(width, self.scale), channels

    def call(self, x: Tensor) -> Tensor:
        return ops.repeat(ops.repeat(x, self.scale, axis=1), self.scale, axis=2)

    def receptive_window(self, axis: int) -> Window:
        return Window.around(1, 1 / self.scale)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale}


def bicubic_phases(scale: int) -> np.ndarray:
    """Return the filters of bicubic upscaling: (5, 5, scale^2) float64, one for each output pixel of an input pixel, in (i, j) order.

    Taps lie at -2 .. 2 around the input pixel. They are computed from the middle of `numerics.resampling_taps`, so that the layer and
    `imaging.imresize` are the same filter.
    """
    indices, weights = resampling_taps(9, 9 * scale, scale)
    phases = np.zeros((scale, 5))
    for phase in range(scale):
        row = 4 * scale + phase
        for index, weight in zip(indices[row], weights[row], strict=True):
            if weight:
                phases[phase, index - 4 + 2] += weight
    both = np.einsum("iy,jx->yxij", phases, phases)
    return both.reshape(5, 5, scale * scale)


@keras.saving.register_keras_serializable(package="visionfw")
class Bicubic(keras.layers.Layer):
    """Bicubic upscaling with MATLAB's kernel (a = -0.5) and mirrored border, in floats, never rounded.

    Computes in float32 under mixed precision too: its output is usually the image that a residual is added to.

    Args:
        scale: the factor, at least 1.

    Shapes: (batch, height, width, c) -> (batch, height x scale, width x scale, c).
    """

    def __init__(self, scale: int = 2, dtype: Any = "float32", **kwargs: Any):
        super().__init__(dtype=dtype, **kwargs)
        self.scale = _positive("scale", scale)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return batch, _times(height, self.scale), _times(width, self.scale), channels

    def call(self, x: Tensor) -> Tensor:
        channels = x.shape[-1]
        kernel = np.repeat(bicubic_phases(self.scale)[:, :, None], channels, axis=2)
        x = mirror(mirror(x, 2, 1), 2, 2)
        x = ops.depthwise_conv(x, ops.convert_to_tensor(kernel, x.dtype), padding="valid", data_format="channels_last")
        return shuffle_pixels(x, self.scale)

    def receptive_window(self, axis: int) -> Window:
        return Window.around(4, 1 / self.scale)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale}


def mirror(x: Tensor, width: int, axis: int) -> Tensor:
    """Pad an axis of at least one sample by `width` samples on both sides, mirrored, the edge repeated."""
    size = ops.shape(x)[axis]
    positions = ops.mod(ops.arange(-width, size + width), 2 * size)
    return ops.take(x, ops.where(positions < size, positions, 2 * size - 1 - positions), axis=axis)
