"""MATLAB's imresize with the bicubic kernel, which makes the field's low-resolution images."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from visionfw.errors import RequestError
from visionfw.numerics import resampling_taps

_STRIP = 192  # columns at a time: what fits into a processor's second-level cache


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
        RequestError: the scale is not above 0, or the array is not an image.
    """
    image = np.asarray(image)
    if not isinstance(scale, int | float | Fraction | np.number) or not 0 < scale < np.inf:
        raise RequestError(f"scale must be above 0, not {scale}")
    if image.ndim not in (2, 3) or not image.size:
        raise RequestError(f"an image is (height, width) or (height, width, channels), not of shape {image.shape}")
    if image.dtype != np.uint8 and not np.issubdtype(image.dtype, np.floating):
        raise RequestError(f"an image is uint8 or float, not {image.dtype}")
    exact = _exact(scale)
    if not exact:
        raise RequestError(f"scale {scale} is too small")
    for _ in range(2):  # rows, then columns, which are the rows of the transposed image
        image = np.ascontiguousarray(_resize_rows(image, exact).swapaxes(0, 1))
    return image


def resized_side(side: int, scale: float | Fraction) -> int:
    """Return how many pixels a side of an image has after `imresize`."""
    exact = _exact(scale)
    return -((-side * exact.numerator) // exact.denominator)


def _exact(scale: float | Fraction) -> Fraction:
    return Fraction(scale if isinstance(scale, Fraction) else float(scale)).limit_denominator(1_000_000)


def _resize_rows(image: np.ndarray, scale: Fraction) -> np.ndarray:
    """Resize the first dimension: a product of a sparse matrix and the rows, a strip at a time."""
    from scipy.sparse import csr_array  # a quarter of a second, which --help need not wait for

    size = image.shape[0]
    new_size = resized_side(size, scale)
    indices, weights = resampling_taps(size, new_size, float(scale))
    precision = np.float32 if image.dtype == np.float32 else np.float64
    starts = np.arange(new_size + 1) * indices.shape[1]
    matrix = csr_array((weights.astype(precision).ravel(), indices.ravel(), starts), shape=(new_size, size))
    rows = image.reshape(size, -1)
    resized = np.empty((new_size, rows.shape[1]), image.dtype)
    for left in range(0, rows.shape[1], _STRIP):
        strip = matrix @ rows[:, left : left + _STRIP].astype(precision)
        if image.dtype == np.uint8:
            strip = np.clip(np.floor(strip + 0.5), 0, 255)
        resized[:, left : left + _STRIP] = strip
    return resized.reshape(new_size, *image.shape[1:])
