"""PSNR, SSIM and errors of NumPy images: the reference that `tensors` is tested against."""

from __future__ import annotations

import math

import numpy as np

from visionfw.errors import RequestError
from visionfw.numerics import MS_SSIM_WEIGHTS, gaussian_window

_PEAK = 255.0
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_WINDOW = 11
_STRIP = 24
_ROWS = 4 * _STRIP
_BAND = np.stack([np.pad(gaussian_window(_WINDOW, 1.5), (row, _STRIP - 1 - row)) for row in range(_STRIP)])


def psnr(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the peak signal-to-noise ratio in dB.

    Args:
        a, b: images of one shape, (height, width) or (height, width, channels), values 0..255, uint8 or float.
        crop: pixels left out on every side.

    Returns:
        dB for a peak of 255; infinite where the images are equal.

    Raises:
        RequestError: the shapes differ, or nothing is left after the crop.
    """
    error = mse(a, b, crop)
    return math.inf if error == 0 else 10.0 * math.log10(_PEAK**2 / error)


def mse(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the mean squared error in squared levels of 0..255. Arguments and errors as `psnr`."""
    a, b = _cropped_pair(a, b, crop)
    return float(np.square(a - b).mean())


def mae(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the mean absolute error in levels of 0..255. Arguments and errors as `psnr`."""
    a, b = _cropped_pair(a, b, crop)
    return float(np.abs(a - b).mean())


def ssim(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the structural similarity, -1 to 1.

    11x11 Gaussian window of sigma 1.5, K = (0.01, 0.03), L = 255, population covariance; the mean over the region where the whole
    window lies inside the image, and for color over channels.

    Args:
        a, b: images of one shape, (height, width) or (height, width, channels), values 0..255, uint8 or float.
        crop: pixels left out on every side first.

    Raises:
        RequestError: the shapes differ, or the image is smaller than the window after the crop.

    Reference: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE TIP 2004.
    """
    a, b = _cropped_pair(a, b, crop)
    _require_side("SSIM", _WINDOW, a)
    return float(np.mean([_ssim_of_channel(x, y) for x, y in zip(_channels(a), _channels(b), strict=True)]))


def ms_ssim(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the structural similarity over five scales, 0 to 1; for color the mean over channels.

    Contrast and structure at every scale and luminance at the coarsest, each to the paper's power; between scales the mean of 2x2
    pixels. Arguments as `ssim`.

    Raises:
        RequestError: the shapes differ, or a side is shorter than 161 pixels after the crop, where the coarsest scale has no window.

    Reference: Wang, Simoncelli, Bovik, Multi-scale Structural Similarity for Image Quality Assessment, Asilomar 2003.
    """
    a, b = _cropped_pair(a, b, crop)
    _require_side("MS-SSIM", (_WINDOW - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1) + 1, a)
    return float(np.mean([_ms_ssim_of_channel(x, y) for x, y in zip(_channels(a), _channels(b), strict=True)]))


def _ssim_of_channel(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean similarity, computed some rows at a time: what fits into a processor's cache is several times as fast."""
    total, rows = 0.0, len(a) - _WINDOW + 1
    for first in range(0, rows, _ROWS):
        part = slice(first, first + _ROWS + _WINDOW - 1)
        total += np.multiply(*_similarities(a[part], b[part])).sum()
    return total / (rows * (a.shape[1] - _WINDOW + 1))


def _ms_ssim_of_channel(a: np.ndarray, b: np.ndarray) -> float:
    product = 1.0
    for weight in MS_SSIM_WEIGHTS[:-1]:
        product *= max(0.0, _similarities(a, b)[1].mean()) ** weight
        a, b = _halve(a), _halve(b)
    luminance, structure = _similarities(a, b)
    return product * max(0.0, (luminance * structure).mean()) ** MS_SSIM_WEIGHTS[-1]


def _cropped_pair(a: np.ndarray, b: np.ndarray, crop: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise RequestError(f"the images differ in shape: {a.shape} and {b.shape}")
    if a.ndim not in (2, 3) or crop < 0 or min(a.shape[:2]) <= 2 * crop:
        raise RequestError(f"nothing is left of {a.shape} after cropping {crop} pixels on every side")
    inner = slice(crop, -crop or None)
    return a[inner, inner], b[inner, inner]


def _require_side(metric: str, side: int, image: np.ndarray) -> None:
    if min(image.shape[:2]) < side:
        raise RequestError(f"{metric} needs {side} x {side} pixels, and {image.shape[0]} x {image.shape[1]} are left")


def _channels(image: np.ndarray) -> list[np.ndarray]:
    """Return an image's channels, each contiguous."""
    return [image] if image.ndim == 2 else [np.ascontiguousarray(image[..., channel]) for channel in range(image.shape[2])]


def _similarities(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps of luminance, and of contrast times structure."""
    mean_a, mean_b = _smooth(a), _smooth(b)
    both = mean_a * mean_b
    squares = mean_a * mean_a + mean_b * mean_b
    covariance = _smooth(a * b) - both
    variances = _smooth(a * a + b * b) - squares  # of both images: only their sum is needed
    return (2 * both + _C1) / (squares + _C1), (2 * covariance + _C2) / (variances + _C2)


def _smooth(image: np.ndarray) -> np.ndarray:
    """Filter an image of one channel with the Gaussian window where it lies inside: rows, then columns."""
    return _smooth_rows(_smooth_rows(image).T).T


def _smooth_rows(image: np.ndarray) -> np.ndarray:
    """Filter along the first axis: strips of rows, each times a band of the window's values, which is the fastest way in NumPy."""
    smooth = np.empty((len(image) - _WINDOW + 1, image.shape[1]))
    for first in range(0, len(smooth), _STRIP):
        rows = min(_STRIP, len(smooth) - first)
        np.matmul(_BAND[:rows, : rows + _WINDOW - 1], image[first : first + rows + _WINDOW - 1], out=smooth[first : first + rows])
    return smooth


def _halve(image: np.ndarray) -> np.ndarray:
    """Return the means of 2x2 pixels; an odd last row or column is its own neighbor."""
    even = np.pad(image, [(0, side % 2) for side in image.shape], mode="symmetric")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
