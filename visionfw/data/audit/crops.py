"""Images that are parts of others: a crop of a test image that lies in a training folder is leakage too.

Images are compared at an eighth of their size first, at every place, by the correlation of what lies there; where that is high, at
full size around that place. Crops that were also rescaled, flipped or rotated are not found.
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
from visionfw.numerics import summed_area_table, window_sums

_REDUCTION = 8
_MIN_SIDE = 32  # pixels: less shows too little to be recognized
_MIN_CONTRAST = 1.0  # gray levels
_CANDIDATE = 0.80  # least correlation at an eighth of the size for a comparison at full size
MIN_SIMILARITY = 0.97  # least correlation at full size of a crop


@dataclass(frozen=True)
class Crop:
    """One image that lies inside another.

    Attributes:
        part, whole: numbers of both images in their lists.
        row, column: of the part's upper left corner in the whole.
        similarity: correlation there.
    """

    part: int
    whole: int
    row: int
    column: int
    similarity: float


class _Reduced:
    """An image at an eighth of its size."""

    def __init__(self, path: Path):
        self.path = path
        image = luma(read_image(path))
        self.size = image.shape
        height, width = (side // _REDUCTION for side in image.shape)
        squares = image[: height * _REDUCTION, : width * _REDUCTION].reshape(height, _REDUCTION, width, _REDUCTION)
        self.pixels = squares.mean(axis=(1, 3)) - 128.0

    def fits_into(self, whole: _Reduced) -> bool:
        """Tell whether this image can be a crop of another one, not all of it."""
        return all(side <= other for side, other in zip(self.size, whole.size, strict=True)) and self.size != whole.size

    @property
    def is_recognizable(self) -> bool:
        """It shows enough to be found again."""
        return min(self.size) >= _MIN_SIDE and self.pixels.std() > _MIN_CONTRAST


def find_crops(parts: Sequence[Path], wholes: Sequence[Path], progress: ProgressCallback | None = None) -> Iterator[Crop]:
    """Yield images that are crops of others at the same size, upright. Files that cannot be read are skipped.

    Args:
        parts: images that may be crops.
        wholes: images that they may be cut from.
        progress: called with (parts done, parts in all).
    """
    if not parts or not wholes:
        return
    larger = [(number, whole) for number, whole in enumerate(map(_read, wholes)) if whole]
    for number, part in enumerate(map(_read, parts)):
        if part and part.is_recognizable:
            for other, whole in larger:
                place = _locate(part, whole) if part.fits_into(whole) else None
                if place:
                    yield Crop(number, other, *place)
        if progress:
            progress(number + 1, len(parts))


def _read(path: Path) -> _Reduced | None:
    try:
        return _Reduced(path)
    except ImageError:
        return None


def _locate(part: _Reduced, whole: _Reduced) -> tuple[int, int, float] | None:
    """Return (row, column, similarity) of a part inside a whole, at full size; None where it is no crop of it."""
    row, column, similarity = _best(correlations(part.pixels[1:-1, 1:-1], whole.pixels))  # its edge averages other pixels than the whole's
    if similarity < _CANDIDATE:
        return None
    image, crop = luma(read_image(whole.path)), luma(read_image(part.path))
    top, left = (max(0, (place - 2) * _REDUCTION) for place in (row, column))
    window = image[top : top + crop.shape[0] + 3 * _REDUCTION, left : left + crop.shape[1] + 3 * _REDUCTION]
    if any(side > other for side, other in zip(crop.shape, window.shape, strict=True)):
        return None
    row, column, similarity = _best(correlations(crop - 128.0, window - 128.0))
    return (top + row, left + column, similarity) if similarity >= MIN_SIMILARITY else None


def _best(similarity: np.ndarray) -> tuple[int, int, float]:
    row, column = np.unravel_index(np.argmax(similarity), similarity.shape)
    return int(row), int(column), float(similarity[row, column])


def correlations(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the correlation of a part with what lies under it at every place of a whole.

    Args:
        part: (h, w) float64.
        whole: (H, W) float64.

    Returns:
        (H - h + 1, W - w + 1), -1 to 1.
    """
    rows, columns = (side - own + 1 for side, own in zip(whole.shape, part.shape, strict=True))
    shape = [next_fast_len(side, real=True) for side in whole.shape]
    centered = part - part.mean()
    products = irfft2(rfft2(whole, shape) * np.conj(rfft2(centered, shape)), shape)[:rows, :columns]
    sums, squares = (window_sums(summed_area_table(values), *part.shape) for values in (whole, whole**2))
    variance = np.maximum(squares - sums**2 / part.size, 0.0)
    return products / np.maximum(np.sqrt(variance * (centered**2).sum()), 1e-6 * part.size)
