"""Which images are the same picture: in other files, other sizes, other formats, turned or mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from visionfw.data.augmentation.flips import flip_and_rotate

#: Side of the thumbnails that are compared.
_SIDE = 32
#: Correlation of two thumbnails from which on they are the same picture; tests/data/test_likeness.py measures how far the same and
#: different photographs of BSD100 and BSDS500 lie apart.
SAME = 0.98
#: Thumbnails of less contrast than this (gray levels) show nothing that could be compared.
_LEAST_CONTRAST = 2.0
_BLOCK = 256  # images compared at a time


def signature(image: np.ndarray) -> np.ndarray:
    """Return what an image is recognized by.

    Args:
        image: (height, width, 3) uint8.

    Returns:
        (32 x 32,) float32: a gray thumbnail with mean 0 and length 1; zeros where the image shows nothing.
    """
    thumbnail = Image.fromarray(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(thumbnail, np.float32).ravel()
    values = values - values.mean()
    length = float(np.linalg.norm(values))
    return values / length if length > _LEAST_CONTRAST * _SIDE else np.zeros_like(values)


def alike(first: np.ndarray, second: np.ndarray, least: float = SAME) -> Iterator[tuple[int, int, float]]:
    """Yield (number in first, number in second, correlation) of every two images that are the same picture, turned or not.

    Args:
        first, second: (n, 32 x 32) and (m, 32 x 32) signatures.
        least: correlation from which on two are the same.
    """
    for start in range(0, len(first), _BLOCK):
        block = first[start : start + _BLOCK]
        best = np.full((len(block), len(second)), -1.0, np.float32)
        for turn in range(8):
            turned = flip_and_rotate(block.reshape(-1, _SIDE, _SIDE, 1), turn).reshape(len(block), -1)
            np.maximum(best, turned @ second.T, out=best)
        for row, column in zip(*np.nonzero(best >= least), strict=True):
            yield start + int(row), int(column), float(best[row, column])


def within(signatures: np.ndarray, least: float = SAME) -> Iterator[tuple[int, int, float]]:
    """Yield (number, later number, correlation) of every two of the images that are the same picture, turned or not."""
    for start in range(0, len(signatures), _BLOCK):
        for first, second, likeness in alike(signatures[start : start + _BLOCK], signatures[start:], least):
            if first < second:
                yield start + first, start + second, likeness


def stacked(signatures: Sequence[np.ndarray]) -> np.ndarray:
    """Return signatures as one array, (n, 32 x 32)."""
    return np.stack(signatures) if signatures else np.zeros((0, _SIDE**2), np.float32)
