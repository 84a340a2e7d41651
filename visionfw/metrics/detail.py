"""How much fine detail NumPy images hold, and artifacts of upsampling. No metric of accuracy."""

from __future__ import annotations

import math

import numpy as np

from visionfw.errors import RequestError

_FINE = 0.25  # cycles per pixel, half of what pixels can hold


def entropy(sr: np.ndarray) -> float:
    """Return the Shannon entropy of an image's levels in bits, at most 8; for color the mean over channels.

    Args:
        sr: (height, width) or (height, width, channels), values 0..255; floats are rounded.
    """
    channels = np.round(sr).astype(np.uint8).reshape(sr.shape[0] * sr.shape[1], -1)
    probabilities = [np.bincount(channel, minlength=256) / len(channel) for channel in channels.T]
    return float(np.mean([-(p[p > 0] * np.log2(p[p > 0])).sum() for p in probabilities]))


def high_frequencies(sr: np.ndarray, hr: np.ndarray) -> float:
    """Return the energy of an image's fine detail over the reference's: 1 for as much of it, less for a blurred image.

    Fine is what has more than a quarter cycle per pixel; a Hann window keeps the border out of the spectrum. It says how much detail
    there is, not whether it is correct.

    Args:
        sr, hr: images of one shape, (height, width) or (height, width, channels), values 0..255.

    Returns:
        The ratio; infinite where the reference has no fine detail and the image does.
    """
    energy, reference = _fine_energy(sr), _fine_energy(hr)
    if energy == reference:
        return 1.0
    return energy / reference if reference else math.inf


def _fine_energy(image: np.ndarray) -> float:
    height, width = image.shape[:2]
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    planes = image.reshape(height, width, -1)
    spectrum = np.fft.fft2((planes - planes.mean(axis=(0, 1))) * window[..., None], axes=(0, 1))
    fine = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) > _FINE
    return float(np.square(np.abs(spectrum[fine])).sum())


def checkerboard(sr: np.ndarray, scale: int) -> float:
    """Return how much more fine detail the strongest position of the upsampling grid has than the others: near 1 for a photograph.

    Detail is the absolute Laplacian, averaged over all pixels at the same position of the grid of scale x scale pixels; the result is the
    largest of these averages over their median. Upsampling that leaves a checkerboard, or single dots, comes to 1.2 and more.

    Args:
        sr: (height, width) or (height, width, channels), values 0..255.
        scale: side of the grid; 1 has none.

    Raises:
        RequestError: the image is smaller than three such grids.
    """
    planes = np.asarray(sr, np.float64).reshape(*sr.shape[:2], -1)
    if min(planes.shape[:2]) < 3 * scale:
        raise RequestError(f"checkerboard: {planes.shape[1]} x {planes.shape[0]} pixels are too few for a grid of {scale} x {scale}")
    inner = planes[1:-1, 1:-1]
    detail = np.abs(4 * inner - planes[:-2, 1:-1] - planes[2:, 1:-1] - planes[1:-1, :-2] - planes[1:-1, 2:]).mean(axis=2)
    means = np.array([detail[row::scale, column::scale].mean() for row in range(scale) for column in range(scale)])
    return float(means.max() / np.median(means)) if means.max() > 0 else 1.0
