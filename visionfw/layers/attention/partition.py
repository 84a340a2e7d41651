"""Windows of an image as groups of tokens, positions relative to each other, and the masks of shifted windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from visionfw.numerics import Tensor

#: Side of a square window, or height and width of a window.
Sides = int | tuple[int, int]


def split_windows(x: Tensor, rows: Tensor, columns: Tensor, side: Sides) -> Tensor:
    """Split an image into windows: (batch, rows x height, columns x width, c) -> (batch x rows x columns, height x width, c)."""
    height, width = _sides(side)
    channels = x.shape[-1]
    x = ops.reshape(x, (-1, rows, height, columns, width, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height * width, channels))


def merge_windows(tokens: Tensor, rows: Tensor, columns: Tensor, side: Sides) -> Tensor:
    """Put windows together again, the inverse of `split_windows`."""
    height, width = _sides(side)
    channels = tokens.shape[-1]
    x = ops.reshape(tokens, (-1, rows, columns, height, width, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows * height, columns * width, channels))


def _sides(side: Sides) -> tuple[int, int]:
    return (side, side) if isinstance(side, int) else side


def relative_positions(side: Sides) -> np.ndarray:
    """Return the row of the bias table for each pair of a window's pixels: (height x width, height x width) int64.

    The table has (2 height - 1)(2 width - 1) rows.
    """
    height, width = _sides(side)
    rows, columns = np.divmod(np.arange(height * width), width)
    down = rows[:, None] - rows[None] + height - 1
    right = columns[:, None] - columns[None] + width - 1
    return down * (2 * width - 1) + right


def bias_of_positions(table: Tensor, positions: np.ndarray) -> Tensor:
    """Return the logits of pairs of pixels from a table: (rows, heads) and positions (n, m) -> (1, heads, n, m)."""
    count, others = positions.shape
    bias = ops.take(table, ops.convert_to_tensor(positions.ravel(), "int32"), axis=0)
    return ops.transpose(ops.reshape(bias, (1, count, others, -1)), (0, 3, 1, 2))


def axis_regions(size: Tensor, whole: Tensor, side: int, shift: int) -> Tensor:
    """Number the connected parts of an axis that was padded and then rolled by `shift`: (whole,) int32.

    Args:
        size: samples of the image.
        whole: samples with padding, a multiple of `side`.
        side: side of a window.
        shift: how far the axis was rolled.

    Returns:
        0 for all windows but the last, and in the last one 1 for the end of the image, 2 for its start, which was rolled there; 3 for padding.
    """
    places = ops.arange(whole)
    rolled = ops.where(places >= whole - shift, 2, ops.where(places >= whole - side, 1, 0)) if shift else ops.zeros_like(places)
    return ops.cast(ops.where(ops.mod(places + shift, whole) >= size, 3, rolled), "int32")


def window_regions(regions: tuple[Tensor, Tensor], rows: Tensor, columns: Tensor, side: Sides) -> Tensor:
    """Return the number of the region of each pixel of each window: regions of the two axes -> (rows x columns, height x width)."""
    image = regions[0][:, None] * 4 + regions[1][None]
    return split_windows(image[None, :, :, None], rows, columns, side)[:, :, 0]


def mask_between(regions: Tensor, others: Tensor, dtype: Any) -> Tensor:
    """Return logits that hide pixels of different regions from each other: (windows, n) and (windows, m) -> (windows, n, m), 0 or -100."""
    return ops.cast(ops.where(ops.not_equal(regions[:, :, None], others[:, None]), -100.0, 0.0), dtype)
