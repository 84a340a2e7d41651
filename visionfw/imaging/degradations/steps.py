"""The single steps of degradations. Each takes a (height, width, 3) uint8 image and returns one, with MATLAB's conventions."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from visionfw.imaging.color import from_ycbcr, to_ycbcr
from visionfw.imaging.resize import imresize
from visionfw.imaging.uint8 import to_uint8
from visionfw.numerics import gaussian_window

_MIN_SIGMA = 0.05  # pixels: a narrower Gaussian is a single sample


def bicubic(image: np.ndarray, *, scale: int) -> np.ndarray:
    """Shrink like MATLAB's imresize, antialiased: the field's standard degradation (BI)."""
    return imresize(image, 1 / scale)


def subsample(image: np.ndarray, *, scale: int) -> np.ndarray:
    """Keep every scale-th pixel, the middle one of each square (the upper left of the middle four where the scale is even)."""
    first = (scale - 1) // 2
    return np.ascontiguousarray(image[first::scale, first::scale])


def area(image: np.ndarray, *, scale: int) -> np.ndarray:
    """Average each square of scale x scale pixels."""
    height, width, channels = image.shape
    return to_uint8(image.reshape(height // scale, scale, width // scale, scale, channels).mean(axis=(1, 3)))


def blur(image: np.ndarray, *, sigma: float, size: int = 0, channels: str = "all") -> np.ndarray:
    """Blur with a Gaussian window, the border replicated (MATLAB's fspecial and imfilter 'replicate').

    Args:
        image: (height, width, 3) uint8.
        sigma: standard deviation in pixels; 0 changes nothing.
        size: odd side of the window in pixels; 0 for 2 ceil(3 sigma) + 1.
        channels: 'all', or 'luma' for Y alone with Cb and Cr as they were.
    """
    if sigma < _MIN_SIGMA:
        return image
    window = gaussian_window(size or 2 * math.ceil(3 * sigma) + 1, sigma)
    if channels == "luma":
        ycbcr = to_ycbcr(image)
        ycbcr[..., 0] = _separable(ycbcr[..., 0], window)
        return to_uint8(from_ycbcr(ycbcr))
    return to_uint8(_separable(image.astype(np.float64), window))


def _separable(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    from scipy.ndimage import correlate1d  # SciPy takes a second to import, which --list need not wait for

    return correlate1d(correlate1d(image, window, axis=0, mode="nearest"), window, axis=1, mode="nearest")


def filter_with(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Filter a uint8 image with a two-dimensional kernel of odd sides, the border mirrored."""
    from scipy.signal import oaconvolve

    border = [(side // 2, side // 2) for side in kernel.shape]
    padded = np.pad(image.astype(np.float64), [*border, (0, 0)], mode="symmetric")
    return to_uint8(oaconvolve(padded, kernel[::-1, ::-1, None], mode="valid", axes=(0, 1)))


def noise(image: np.ndarray, *, random: np.random.Generator, sigma: float, kind: str = "color") -> np.ndarray:
    """Add Gaussian noise of `sigma` gray levels: independent in each channel ('color'), or the same in all ('gray')."""
    shape = image.shape if kind == "color" else (*image.shape[:2], 1)
    return to_uint8(image + random.normal(0.0, 1.0, shape) * sigma)


def poisson(image: np.ndarray, *, random: np.random.Generator, strength: float, kind: str = "color") -> np.ndarray:
    """Add photon noise, `strength` times as strong as 255 photons at white give."""
    values = image / 255.0 if kind == "color" else image.mean(axis=2, keepdims=True) / 255.0
    counts = random.poisson(values * 255.0) / 255.0
    return to_uint8(image + (counts - values) * strength * 255.0)


def jpeg(image: np.ndarray, *, quality: int) -> np.ndarray:
    """Encode as JPEG with 4:2:0 chroma at a quality of 1..100, and decode again."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file).convert("RGB"))
