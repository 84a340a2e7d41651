"""Mathematics that the NumPy side and the Keras side both need, written once."""

from __future__ import annotations

from typing import Any

import numpy as np

#: A tensor of whichever backend runs, a symbolic KerasTensor, or a NumPy array: Keras has no common type for them, so docstrings give shapes and dtypes.
Tensor = Any

#: BT.601 luma, limited range: Y = 16 + LUMA . (R, G, B) / 255 for R, G, B in 0..255 (MATLAB's rgb2ycbcr).
LUMA_OFFSET = 16.0
LUMA_COEFFICIENTS = (65.481, 128.553, 24.966)


def cubic_kernel(x: np.ndarray) -> np.ndarray:
    """Return Keys' cubic convolution kernel with a = -0.5 (MATLAB's 'bicubic') at distances `x`."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def resampling_taps(size: int, new_size: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which samples make each new sample, and how much of each: MATLAB's imresize along one dimension.

    The kernel is widened by 1 / scale when shrinking (antialiasing); the border is mirrored (with the edge repeated); the weights
    of each new sample sum to 1.

    Args:
        size: samples before.
        new_size: samples after.
        scale: after / before; 0.25 shrinks to a quarter.

    Returns:
        indices, (new_size, taps) int; weights, (new_size, taps) float64.
    """
    stretch = min(scale, 1.0)
    width = 4.0 / stretch
    center = (np.arange(new_size) + 0.5) / scale - 0.5
    first = np.floor(center + 1.0 - width / 2)
    positions = first[:, None] + np.arange(int(np.ceil(width)) + 2)
    weights = stretch * cubic_kernel(stretch * (center[:, None] - positions))
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.mod(positions.astype(np.int64), 2 * size)
    indices = np.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
    used = np.any(weights != 0, axis=0)
    return indices[:, used], weights[:, used]


def gaussian_window(size: int, sigma: float) -> np.ndarray:
    """Return a one-dimensional Gaussian window of `size` samples that sums to 1, float64."""
    x = np.arange(size) - (size - 1) / 2
    window = np.exp(-(x**2) / (2 * sigma**2))
    return window / window.sum()


#: Powers of the five scales of MS-SSIM, finest first. Reference: Wang, Simoncelli, Bovik, Asilomar 2003.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def summed_area_table(image: np.ndarray) -> np.ndarray:
    """Return the sums of an image's pixels above and left of every corner: (height, width) -> (height + 1, width + 1)."""
    return np.pad(image, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)


def window_sums(table: np.ndarray, height: int, width: int, top: np.ndarray | None = None, left: np.ndarray | None = None) -> np.ndarray:
    """Return the sums of pixels in windows of one size.

    Args:
        table: the image's `summed_area_table`.
        height, width: of the windows.
        top, left: (rows,) and (columns,) first rows and columns of the windows on a grid; every place where a window fits unless given.

    Returns:
        (rows, columns) float64.
    """
    top = np.arange(table.shape[0] - height) if top is None else top
    left = np.arange(table.shape[1] - width) if left is None else left
    upper, lower = table[top], table[top + height]
    return lower[:, left + width] - upper[:, left + width] - lower[:, left] + upper[:, left]
