"""Image quality of NumPy images: the reference that `tensors` is tested against."""

from __future__ import annotations

import math

import numpy as np

from visionfw.errors import RequestError
from visionfw.numerics import MS_SSIM_WEIGHTS, gaussian_window

_PEAK = 255.0
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_WINDOW = 11
_FINE = 0.25  # cycles a pixel
_STRIP = 24
_ROWS = 4 * _STRIP
_BAND = np.stack([np.pad(gaussian_window(_WINDOW, 1.5), (row, _STRIP - 1 - row)) for row in range(_STRIP)])


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
    error = mse(a, b, crop)
    return math.inf if error == 0 else 10.0 * math.log10(_PEAK**2 / error)


def mse(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the mean squared error in squared levels of 0..255. Arguments and errors as `psnr`."""
    a, b = _pair(a, b, crop)
    return float(np.square(a - b).mean())


def mae(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the mean absolute error in levels of 0..255. Arguments and errors as `psnr`."""
    a, b = _pair(a, b, crop)
    return float(np.abs(a - b).mean())


def entropy(image: np.ndarray, crop: int = 0) -> float:
    """Return the Shannon entropy of an image's levels in bits, of 8 at most; of color the mean over channels.

    Args:
        image: (height, width) or (height, width, channels), values 0..255; floats are rounded.
        crop: pixels left out on every side.
    """
    levels, _ = _pair(image, image, crop)
    channels = np.round(levels).astype(np.uint8).reshape(levels.shape[0] * levels.shape[1], -1)
    shares = [np.bincount(channel, minlength=256) / len(channel) for channel in channels.T]
    return float(np.mean([-(share[share > 0] * np.log2(share[share > 0])).sum() for share in shares]))


def high_frequencies(made: np.ndarray, reference: np.ndarray, crop: int = 0) -> float:
    """Return the energy of an image's fine detail over the reference's: 1 for as much of it, less for a blurred image.

    Fine is what has more than a quarter cycle a pixel, half of what pixels can hold; a Hann window keeps the border out of the
    spectrum. It says how much detail there is, not whether it is the right one.

    Args:
        made, reference: as `psnr`.
        crop: pixels left out on every side.

    Returns:
        The ratio; infinite where the reference has no fine detail and the image does.
    """
    energies = [_fine_energy(image) for image in _pair(made, reference, crop)]
    return 1.0 if energies[0] == energies[1] else float(np.divide(*energies)) if energies[1] else math.inf


def checkerboard(made: np.ndarray, scale: int, crop: int = 0) -> float:
    """Return how much finer detail one place of the grid of scale x scale pixels has than the others: near 1 for a photograph.

    Detail is the absolute Laplacian, its mean over all pixels that lie at the same place of the grid; returned is the largest of these
    over their median. Enlargement by strides or a pixel shuffle that leaves a checkerboard, or single dots, comes to 1.2 and more.

    Args:
        made: (height, width) or (height, width, channels), uint8 or float.
        scale: side of the grid; 1 has none.
        crop: pixels left out on every side.

    Raises:
        RequestError: the image is smaller than three such grids after the crop.
    """
    planes = np.asarray(made, np.float64).reshape(*made.shape[:2], -1)
    planes = planes[crop : planes.shape[0] - crop, crop : planes.shape[1] - crop]
    if min(planes.shape[:2]) < 3 * scale:
        raise RequestError(f"checkerboard: {planes.shape[1]} x {planes.shape[0]} pixels are too few for a grid of {scale} x {scale}")
    inner = planes[1:-1, 1:-1]
    detail = np.abs(4 * inner - planes[:-2, 1:-1] - planes[2:, 1:-1] - planes[1:-1, :-2] - planes[1:-1, 2:]).mean(axis=2)
    means = np.array([detail[row::scale, column::scale].mean() for row in range(scale) for column in range(scale)])
    return float(means.max() / np.median(means)) if means.max() > 0 else 1.0


def _fine_energy(image: np.ndarray) -> float:
    height, width = image.shape[:2]
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    planes = image.reshape(height, width, -1)
    spectrum = np.fft.fft2((planes - planes.mean(axis=(0, 1))) * window[..., None], axes=(0, 1))
    fine = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) > _FINE
    return float(np.square(np.abs(spectrum[fine])).sum())


def ssim(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the structural similarity, -1 to 1.

    11x11 Gaussian window of sigma 1.5, K = (0.01, 0.03), L = 255, population covariance, the mean over the region where the whole
    window lies inside the image; for color the mean over channels.

    Args:
        a, b: images of one shape, values 0..255, (height, width) or (height, width, channels), uint8 or float.
        crop: pixels left out on every side first.

    Raises:
        RequestError: the shapes differ, or the image is smaller than the window after the crop.

    Reference: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004.
    """
    a, b = _windowed(a, b, crop)
    return float(np.mean([_ssim_of_channel(x, y) for x, y in zip(_channels(a), _channels(b), strict=True)]))


def ms_ssim(a: np.ndarray, b: np.ndarray, crop: int = 0) -> float:
    """Return the structural similarity over five scales, 0 to 1; for color the mean over channels.

    Contrast and structure at every scale and luminance at the coarsest, each to the paper's power; between scales the mean of 2x2
    pixels. Arguments as `ssim`.

    Raises:
        RequestError: the shapes differ, or a side is shorter than 161 pixels after the crop, where the coarsest scale has no window.

    Reference: Wang, Simoncelli, Bovik, Multi-scale Structural Similarity for Image Quality Assessment, Asilomar 2003.
    """
    a, b = _windowed(a, b, crop)
    least = (_WINDOW - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1) + 1
    if min(a.shape[:2]) < least:
        raise RequestError(f"MS-SSIM needs {least} x {least} pixels, and {a.shape[0]} x {a.shape[1]} are left")
    return float(np.mean([_ms_ssim_of_channel(x, y) for x, y in zip(_channels(a), _channels(b), strict=True)]))


def _ssim_of_channel(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean similarity, rows by rows: what fits into a processor's cache is several times as fast."""
    total, rows = 0.0, len(a) - _WINDOW + 1
    for first in range(0, rows, _ROWS):
        part = slice(first, first + _ROWS + _WINDOW - 1)
        total += np.multiply(*_similarities(a[part], b[part])).sum()
    return total / (rows * (a.shape[1] - _WINDOW + 1))


def _ms_ssim_of_channel(a: np.ndarray, b: np.ndarray) -> float:
    made = 1.0
    for weight in MS_SSIM_WEIGHTS[:-1]:
        made *= max(0.0, _similarities(a, b)[1].mean()) ** weight
        a, b = _halved(a), _halved(b)
    luminance, structure = _similarities(a, b)
    return made * max(0.0, (luminance * structure).mean()) ** MS_SSIM_WEIGHTS[-1]


def _pair(a: np.ndarray, b: np.ndarray, crop: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise RequestError(f"the images differ in shape: {a.shape} and {b.shape}")
    if a.ndim not in (2, 3) or crop < 0 or min(a.shape[:2]) <= 2 * crop:
        raise RequestError(f"nothing is left of {a.shape} after cropping {crop} pixels on every side")
    inner = slice(crop, -crop or None)
    return a[inner, inner], b[inner, inner]


def _channels(image: np.ndarray) -> list[np.ndarray]:
    """Return an image's channels, each contiguous."""
    return [image] if image.ndim == 2 else [np.ascontiguousarray(image[..., channel]) for channel in range(image.shape[2])]


def _windowed(a: np.ndarray, b: np.ndarray, crop: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = _pair(a, b, crop)
    if min(a.shape[:2]) < _WINDOW:
        raise RequestError(f"SSIM needs {_WINDOW} x {_WINDOW} pixels, and {a.shape[0]} x {a.shape[1]} are left")
    return a, b


def _similarities(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps of luminance, and of contrast times structure."""
    mean_a, mean_b = _smooth(a), _smooth(b)
    both = mean_a * mean_b
    squares = mean_a * mean_a + mean_b * mean_b
    covariance = _smooth(a * b) - both
    variances = _smooth(a * a + b * b) - squares  # of both images: only their sum is asked for
    return (2 * both + _C1) / (squares + _C1), (2 * covariance + _C2) / (variances + _C2)


def _smooth(image: np.ndarray) -> np.ndarray:
    """Filter an image of one channel with the Gaussian window where it lies inside: rows, then columns."""
    return _smooth_rows(_smooth_rows(image).T).T


def _smooth_rows(image: np.ndarray) -> np.ndarray:
    """Filter along the first axis: strips of rows, each times a band of the window's values, which is the fastest way in NumPy."""
    made = np.empty((len(image) - _WINDOW + 1, image.shape[1]))
    for first in range(0, len(made), _STRIP):
        rows = min(_STRIP, len(made) - first)
        np.matmul(_BAND[:rows, : rows + _WINDOW - 1], image[first : first + rows + _WINDOW - 1], out=made[first : first + rows])
    return made


def _halved(image: np.ndarray) -> np.ndarray:
    """Return the means of 2x2 pixels; a row or column over is its own neighbor."""
    even = np.pad(image, [(0, side % 2) for side in image.shape], mode="symmetric")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
