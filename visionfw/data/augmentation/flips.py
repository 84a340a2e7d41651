"""Flips and rotations of square patches: the eight symmetries of the square (the dihedral group D4), numbered 0 to 7.

Bit 0 of a transform's number flips columns, bit 1 flips rows, bit 2 swaps rows and columns; 0 changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: How many transforms there are.
COUNT = 8


def flip_and_rotate(patches: np.ndarray, transform: int) -> np.ndarray:
    """Apply one transform to (n, height, width, channels); the result is a view."""
    if transform & 1:
        patches = patches[:, :, ::-1]
    if transform & 2:
        patches = patches[:, ::-1]
    return patches.swapaxes(1, 2) if transform & 4 else patches


def flip_and_rotate_each(patches: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Apply a transform of its own to every patch. The same number does the same to an LR patch and to its HR patch.

    Args:
        patches: (n, side, side, channels).
        transforms: (n,) numbers 0..7.

    Returns:
        A new array of the same shape.
    """
    result = np.empty_like(patches)
    for places, transform in by_value(transforms):
        copy_transformed(result, places, patches[places], transform)
    return result


def by_value(numbers: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the places of each value, and the value: what is transformed alike is transformed together."""
    for value in np.unique(numbers).tolist():
        yield np.flatnonzero(numbers == value), value


def copy_transformed(target: np.ndarray, places: np.ndarray, patches: np.ndarray, transform: int) -> None:
    """Put transformed patches at some places of an array.

    Args:
        target: (n, side, side, channels), written to.
        places: (k,) where the patches go.
        patches: (k, side, side, channels), not transformed yet.
        transform: 0..7.
    """
    transformed = flip_and_rotate(patches, transform)
    if transform in (0, 2):
        target[places] = transformed
        return
    for channel in range(patches.shape[-1]):  # NumPy would copy pixel by pixel, five times as slow
        target[..., channel][places] = transformed[..., channel]
