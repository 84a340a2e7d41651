"""Mean and deviation of a store's pixels."""

from __future__ import annotations

import numpy as np

from visionfw.data.cache.store import Store
from visionfw.numerics import LUMA_COEFFICIENTS, LUMA_OFFSET

_PIXELS_AT_ONCE = 2**18


def mean_and_deviation(store: Store, color: str = "rgb") -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of all HR pixels, of each channel, in 0..1.

    Both follow from the channels' sums and the sums of their products, for luma too, which is a weighted sum of them.

    Args:
        store: the images.
        color: 'rgb', or 'y' for luma alone.
    """
    count, sums, products = 0, np.zeros(3), np.zeros((3, 3))
    for index in range(len(store)):
        pixels = store.hr_image(index).reshape(-1, 3)
        for start in range(0, len(pixels), _PIXELS_AT_ONCE):
            part = pixels[start : start + _PIXELS_AT_ONCE].astype(np.float64) / 255.0
            count, sums, products = count + len(part), sums + part.sum(axis=0), products + part.T @ part
    mean = sums / count
    covariance = products / count - np.outer(mean, mean)
    if color == "y":
        weights = np.array(LUMA_COEFFICIENTS) / 255.0
        return [float(weights @ mean + LUMA_OFFSET / 255.0)], [float(np.sqrt(max(weights @ covariance @ weights, 1e-12)))]
    return mean.tolist(), np.sqrt(np.maximum(np.diag(covariance), 1e-12)).tolist()
