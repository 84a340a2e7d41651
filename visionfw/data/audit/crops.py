"""Which images are parts of others: a crop of a test image that lies in a training folder is leakage too.

Images are compared at an eighth of their size first, at every place, by the correlation of what lies there; where that is high, at
full size around that place. Crops that were also scaled or turned are not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from visionfw.imaging.color import luma
from visionfw.imaging.files import ImageError, read_image
from visionfw.io.progress import ProgressCallback

_COARSE = 8
_LEAST_SIDE = 32  # pixels: less shows too little to be recognized
_LIKELY = 0.80  # correlation at an eighth of the size
SAME = 0.97  # correlation at full size


@dataclass(frozen=True)
class Crop:
    """One image that lies inside another: numbers of both, the place's top left corner, and the correlation there."""

    part: int
    whole: int
    row: int
    column: int
    likeness: float


class _Coarse:
    """An image at an eighth of its size, ready for comparing parts at every place."""

    def __init__(self, path: Path):
        self.path = path
        image = luma(read_image(path))
        self.size = image.shape
        height, width = (side // _COARSE for side in image.shape)
        self.small = image[: height * _COARSE, : width * _COARSE].reshape(height, _COARSE, width, _COARSE).mean(axis=(1, 3)) - 128.0


def find_crops(parts: Sequence[Path], wholes: Sequence[Path], progress: ProgressCallback | None = None) -> Iterator[Crop]:
    """Yield images that are crops of others, at the same size, upright; not whole images in themselves.

    Args:
        parts: images that may be crops.
        wholes: images that they may be cut from.
        progress: called with (parts done, parts in all).

    Files that cannot be read are passed over.
    """
    if not parts or not wholes:
        return
    larger = [(number, whole) for number, whole in enumerate(map(_read, wholes)) if whole]
    for number, part in enumerate(map(_read, parts)):
        if part and min(part.size) >= _LEAST_SIDE and part.small.std() > 1:
            for other, whole in larger:
                fits = all(own <= side for own, side in zip(part.size, whole.size, strict=True)) and part.size != whole.size
                found = _place(part, whole) if fits else None
                if found:
                    yield Crop(number, other, *found)
        if progress:
            progress(number + 1, len(parts))


def _read(path: Path) -> _Coarse | None:
    try:
        return _Coarse(path)
    except ImageError:
        return None


def _place(part: _Coarse, whole: _Coarse) -> tuple[int, int, float] | None:
    """Return where a part lies inside a whole, at full size; None where it does not."""
    likeness = correlations(part.small[1:-1, 1:-1], whole.small)  # its edge is made of other pixels than the whole's
    row, column = np.unravel_index(np.argmax(likeness), likeness.shape)
    if likeness[row, column] < _LIKELY:
        return None
    image, small = luma(read_image(whole.path)), luma(read_image(part.path))
    top, left = (max(0, (int(place) - 2) * _COARSE) for place in (row, column))
    window = image[top : top + small.shape[0] + 3 * _COARSE, left : left + small.shape[1] + 3 * _COARSE]
    if any(own > side for own, side in zip(small.shape, window.shape, strict=True)):
        return None
    fine = correlations(small - 128.0, window - 128.0)
    row, column = (int(place) for place in np.unravel_index(np.argmax(fine), fine.shape))
    return (top + row, left + column, float(fine[row, column])) if fine[row, column] >= SAME else None


def correlations(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the correlation of a part with what lies under it at every place of a whole: (H - h + 1, W - w + 1), -1 to 1."""
    height, width = part.shape
    rows, columns = (side - own + 1 for side, own in zip(whole.shape, part.shape, strict=True))
    shape = [next_fast_len(side, real=True) for side in whole.shape]
    centered = part - part.mean()
    products = irfft2(rfft2(whole, shape) * np.conj(rfft2(centered, shape)), shape)[:rows, :columns]

    def sums(values: np.ndarray) -> np.ndarray:
        table = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
        return table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]

    variance = np.maximum(sums(whole**2) - sums(whole) ** 2 / part.size, 0.0)
    return products / np.maximum(np.sqrt(variance * (centered**2).sum()), 1e-6 * part.size)
