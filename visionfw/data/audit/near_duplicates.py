"""Near-duplicates: the same picture in other files, sizes or formats, flipped or rotated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from visionfw.data.augmentation.flips import COUNT, flip_and_rotate

#: Side of the thumbnails that are compared.
_SIDE = 32
#: Least correlation of two thumbnails of the same picture. tests/data/audit/test_near_duplicates.py measures how far apart the same and
#: different photographs of BSD100 and BSDS500 lie.
MIN_SIMILARITY = 0.98
#: Thumbnails with less contrast than this (gray levels) show nothing that could be compared.
_MIN_CONTRAST = 2.0
_BLOCK = 256  # images compared at a time


def signature(image: np.ndarray) -> np.ndarray:
    """Return what an image is recognized by.

    Args:
        image: (height, width, 3) uint8.

    Returns:
        (32 x 32,) float32: a gray thumbnail with mean 0 and length 1; zeros, which are similar to nothing, for a flat image.
    """
    thumbnail = Image.fromarray(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(thumbnail, np.float32).ravel()
    values = values - values.mean()
    length = float(np.linalg.norm(values))
    return values / length if length > _MIN_CONTRAST * _SIDE else np.zeros_like(values)


def find_matches(first: np.ndarray, second: np.ndarray, min_similarity: float = MIN_SIMILARITY) -> Iterator[tuple[int, int, float]]:
    """Yield (number in first, number in second, similarity) of every two images that show the same picture, flipped and rotated or not.

    Args:
        first, second: (n, 32 x 32) and (m, 32 x 32) signatures.
        min_similarity: least correlation of two images of the same picture.
    """
    for start in range(0, len(first), _BLOCK):
        block = first[start : start + _BLOCK]
        similarity = np.full((len(block), len(second)), -1.0, np.float32)
        for transform in range(COUNT):
            transformed = flip_and_rotate(block.reshape(-1, _SIDE, _SIDE, 1), transform).reshape(len(block), -1)
            np.maximum(similarity, transformed @ second.T, out=similarity)
        for row, column in zip(*np.nonzero(similarity >= min_similarity), strict=True):
            yield start + int(row), int(column), float(similarity[row, column])


def find_duplicates(signatures: np.ndarray, min_similarity: float = MIN_SIMILARITY) -> Iterator[tuple[int, int, float]]:
    """Yield (number, later number, similarity) of every two images of one list that show the same picture."""
    for start in range(0, len(signatures), _BLOCK):
        for first, second, similarity in find_matches(signatures[start : start + _BLOCK], signatures[start:], min_similarity):
            if first < second:
                yield start + first, start + second, similarity


def stack_signatures(signatures: Sequence[np.ndarray]) -> np.ndarray:
    """Return signatures as one array, (n, 32 x 32)."""
    return np.stack(signatures) if signatures else np.zeros((0, _SIDE**2), np.float32)
