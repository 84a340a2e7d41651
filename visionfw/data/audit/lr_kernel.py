"""The filter that an LR image was made with: MATLAB's bicubic, or one of the usual mistakes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.resize import imresize
from visionfw.imaging.uint8 import to_uint8

#: Mean difference in gray levels up to which a filter is named.
_MAX_DIFFERENCE = 3.0

Shrink = Callable[[np.ndarray, int], np.ndarray]


def identify_filter(lr: np.ndarray, hr: np.ndarray, scale: int) -> str:
    """Name the filter that an LR image seems to be made with.

    Args:
        lr: (height, width, 3) uint8.
        hr: (height x scale, width x scale, 3) uint8.
        scale: HR size / LR size.

    Returns:
        '' for MATLAB's bicubic to the bit; else the nearest filter in words, with its mean difference in gray levels.
    """
    if np.array_equal(lr, imresize(hr, 1 / scale)):
        return ""
    differences = {name: float(np.abs(shrink(hr, scale).astype(np.float32) - lr).mean()) for name, shrink in _FILTERS.items()}
    name = min(differences, key=differences.__getitem__)
    if differences[name] > _MAX_DIFFERENCE:
        return f"no known filter (nearest: {name}, {differences[name]:.2f} gray levels off)"
    return f"{name} ({differences[name]:.2f} gray levels off)"


def _pillow(kind: Image.Resampling) -> Shrink:
    return lambda hr, scale: np.asarray(Image.fromarray(hr).resize((hr.shape[1] // scale, hr.shape[0] // scale), kind))


def _degradation(text: str) -> Shrink:
    return lambda hr, scale: Degradation.parse(text, scale).apply(hr)


def _without_antialiasing(kernel: Callable[[np.ndarray], np.ndarray]) -> Shrink:
    """Return a resize whose kernel is not widened when shrinking: OpenCV's and PyTorch's default, which aliases."""

    def shrink(hr: np.ndarray, scale: int) -> np.ndarray:
        values = hr.astype(np.float64)
        for _ in range(2):
            size = values.shape[0]
            center = (np.arange(size // scale) + 0.5) * scale - 0.5
            first = np.floor(center).astype(int) - 1
            taps = first[:, None] + np.arange(4)
            weights = kernel(np.abs(center[:, None] - taps))
            values = np.einsum("nt,nt...->n...", weights, values[np.clip(taps, 0, size - 1)]).swapaxes(0, 1)
        return to_uint8(values)

    return shrink


def _opencv_cubic(x: np.ndarray) -> np.ndarray:
    a = -0.75
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, ((a + 2) * x - (a + 3)) * x * x + 1, np.where(x < 2, far, 0.0))


def _linear(x: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1.0 - x)


_FILTERS: dict[str, Shrink] = {
    "MATLAB's bicubic of floats, rounded once": lambda hr, scale: to_uint8(imresize(hr.astype(np.float64), 1 / scale)),
    "MATLAB's bicubic, then compressed or changed": lambda hr, scale: imresize(hr, 1 / scale),
    "Pillow's bicubic": _pillow(Image.Resampling.BICUBIC),
    "Pillow's bilinear": _pillow(Image.Resampling.BILINEAR),
    "Pillow's Lanczos": _pillow(Image.Resampling.LANCZOS),
    "the mean of each square (area, box)": _degradation("area"),
    "OpenCV's or PyTorch's bicubic without antialiasing": _without_antialiasing(_opencv_cubic),
    "bilinear without antialiasing": _without_antialiasing(_linear),
    "every scale-th pixel, the middle one": _degradation("subsample"),
    "every scale-th pixel, the first one": lambda hr, scale: hr[::scale, ::scale],
    "Gaussian blur of 1.6, then bicubic": _degradation("blur_bicubic"),
    "Gaussian blur of 1.6, then every scale-th pixel (BD)": _degradation("blur_down"),
}
