"""Mean and deviation of a store's pixels."""

from __future__ import annotations

import numpy as np

from visionfw.data.store import Store
from visionfw.imaging.colour import luma

_PIXELS_AT_ONCE = 2**20


def mean_and_deviation(store: Store, colour: str = "rgb") -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of all HR pixels, of each channel, in 0..1.

    Args:
        store: the images.
        colour: 'rgb', or 'y' for luma alone.
    """
    count, sums, squares = 0, 0.0, 0.0
    for index in range(len(store)):
        pixels = store.hr_image(index).reshape(-1, 3)
        for start in range(0, len(pixels), _PIXELS_AT_ONCE):
            part = pixels[start : start + _PIXELS_AT_ONCE]
            values = (luma(part[:, None])[..., 0:1] if colour == "y" else part.astype(np.float64)) / 255.0
            count, sums, squares = count + len(values), sums + values.sum(axis=0), squares + np.square(values).sum(axis=0)
    mean = sums / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
    return np.ravel(mean).tolist(), np.ravel(deviation).tolist()
