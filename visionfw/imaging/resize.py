"""MATLAB's imresize with the bicubic kernel: what the field's low-resolution images are made with."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from visionfw.errors import RequestError
from visionfw.numerics import resampling_taps


def imresize(image: np.ndarray, scale: float | Fraction) -> np.ndarray:
    """Resize like MATLAB's imresize(image, scale, 'bicubic'), bit for bit on uint8.

    One dimension at a time, rows first. On uint8 the result is rounded to uint8 after each pass, as MATLAB does; floats are not
    rounded. Shrinking is antialiased. The new size is ceil(size x scale).

    Args:
        image: (height, width) or (height, width, channels), uint8 or float of any range.
        scale: new size / old size, above 0: 1/4, 4, Fraction(3, 2).

    Returns:
        The resized image: uint8 for uint8, else float of the image's own precision.

    Raises:
        RequestError: the scale is not above 0, or the array is no image.
    """
    image = np.asarray(image)
    if not isinstance(scale, int | float | Fraction | np.number) or not 0 < scale < np.inf:
        raise RequestError(f"scale must be above 0, not {scale}")
    if image.ndim not in (2, 3) or not image.size:
        raise RequestError(f"an image is (height, width) or (height, width, channels), not of shape {image.shape}")
    if image.dtype != np.uint8 and not np.issubdtype(image.dtype, np.floating):
        raise RequestError(f"an image is uint8 or float, not {image.dtype}")
    exact = Fraction(scale).limit_denominator(10_000)
    for axis in (0, 1):
        image = _resize_axis(image, exact, axis)
    return image


def _resize_axis(image: np.ndarray, scale: Fraction, axis: int) -> np.ndarray:
    size = image.shape[axis]
    new_size = -((-size * scale.numerator) // scale.denominator)
    indices, weights = resampling_taps(size, new_size, float(scale))
    precision = np.float64 if image.dtype != np.float32 else np.float32
    moved = np.moveaxis(image, axis, 0)
    total = np.zeros((new_size, *moved.shape[1:]), precision)
    for tap in range(indices.shape[1]):
        weight = weights[:, tap].astype(precision).reshape(-1, *[1] * (moved.ndim - 1))
        total += weight * moved[indices[:, tap]]
    resized = np.moveaxis(total, 0, axis)
    if image.dtype == np.uint8:
        return np.clip(np.floor(resized + 0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(resized, image.dtype)
