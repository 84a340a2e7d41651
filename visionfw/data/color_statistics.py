"""Mean and standard deviation of the colors of a set."""

from __future__ import annotations

import numpy as np

from visionfw.data.cache.store import Store
from visionfw.numerics import LUMA_COEFFICIENTS, LUMA_OFFSET

_CHUNK = 2**18  # pixels


def mean_and_deviation(store: Store, color: str = "rgb") -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of all HR pixels, of each channel, in 0..1.

    Both follow from the sums of the channels and of their products, for luma too, which is a weighted sum of them.

    Args:
        store: the images.
        color: 'rgb', or 'y' for luma alone.
    """
    count, sums, products = 0, np.zeros(3), np.zeros((3, 3))
    for index in range(len(store)):
        pixels = store.hr_image(index).reshape(-1, 3)
        for start in range(0, len(pixels), _CHUNK):
            chunk = pixels[start : start + _CHUNK].astype(np.float64) / 255.0
            count, sums, products = count + len(chunk), sums + chunk.sum(axis=0), products + chunk.T @ chunk
    mean = sums / count
    covariance = products / count - np.outer(mean, mean)
    if color == "y":
        weights = np.array(LUMA_COEFFICIENTS) / 255.0
        variance = float(weights @ covariance @ weights)
        return [float(weights @ mean + LUMA_OFFSET / 255.0)], [float(np.sqrt(max(variance, 1e-12)))]
    return mean.tolist(), np.sqrt(np.maximum(np.diag(covariance), 1e-12)).tolist()
