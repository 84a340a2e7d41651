"""PSNR and SSIM of NumPy images: the reference."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import correlate1d

from visionfw.errors import RequestError
from visionfw.numerics import gaussian_window

_PEAK = 255.0


def psnr(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the peak signal-to-noise ratio in dB.

    Args:
        a, b: images of one shape, values 0..255, (height, width) or (height, width, channels), uint8 or float.
        crop: pixels left out on every side.

    Returns:
        dB for a peak of 255; infinite where the images are equal.

    Raises:
        RequestError: the shapes differ, or nothing is left after the crop.
    """
    a, b = _pair(a, b, crop)
    error = np.mean((a - b) ** 2)
    return math.inf if error == 0 else 10.0 * math.log10(_PEAK**2 / error)


def ssim(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the structural similarity, -1 to 1.

    11x11 Gaussian window of sigma 1.5, K = (0.01, 0.03), L = 255, population covariance, the mean over the region where the whole
    window lies inside the image; for colour the mean over channels.

    Args:
        a, b: images of one shape, values 0..255, (height, width) or (height, width, channels), uint8 or float.
        crop: pixels left out on every side first.

    Raises:
        RequestError: the shapes differ, or the image is smaller than the window after the crop.

    Reference: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004.
    """
    a, b = _pair(a, b, crop)
    if min(a.shape[:2]) < 11:
        raise RequestError(f"SSIM needs 11 x 11 pixels, and {a.shape[0]} x {a.shape[1]} are left")
    c1, c2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
    mean_a, mean_b = _smooth(a), _smooth(b)
    variance_a = _smooth(a * a) - mean_a**2
    variance_b = _smooth(b * b) - mean_b**2
    covariance = _smooth(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float(similarity.mean())


def _pair(a: np.ndarray, b: np.ndarray, crop: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise RequestError(f"the images differ in shape: {a.shape} and {b.shape}")
    if a.ndim not in (2, 3) or crop < 0 or min(a.shape[:2]) <= 2 * crop:
        raise RequestError(f"nothing is left of {a.shape} after cropping {crop} pixels on every side")
    inner = slice(crop, -crop or None)
    return a[inner, inner], b[inner, inner]


def _smooth(image: np.ndarray) -> np.ndarray:
    window = gaussian_window(11, 1.5)
    rows = correlate1d(image, window, axis=0, mode="reflect")[5:-5]
    return correlate1d(rows, window, axis=1, mode="reflect")[:, 5:-5]
