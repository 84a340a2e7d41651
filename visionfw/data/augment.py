"""Augmentation of batches of patches."""

from __future__ import annotations

import numpy as np


def dihedral(patches: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Turn and mirror square patches: each by one of the eight symmetries of the square.

    Args:
        patches: (n, side, side, channels).
        which: (n,) numbers 0..7: bit 0 mirrors columns, bit 1 mirrors rows, bit 2 swaps rows and columns; 0 changes nothing.

    Returns:
        A new array of the same shape. The same number does the same to an LR patch and to its HR patch.
    """
    turned = np.empty_like(patches)
    for number in range(8):
        chosen = which == number
        if chosen.any():
            turned[chosen] = transform(patches[chosen], number)
    return turned


def transform(patches: np.ndarray, number: int) -> np.ndarray:
    """Apply one of the eight symmetries to (n, height, width, channels)."""
    if number & 1:
        patches = patches[:, :, ::-1]
    if number & 2:
        patches = patches[:, ::-1]
    return patches.swapaxes(1, 2) if number & 4 else patches
