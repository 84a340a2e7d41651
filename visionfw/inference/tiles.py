"""Where the tiles of an image lie, so that their outputs fit together without seams. Arithmetic alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_MIN_SIZE = 16  # LR pixels


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in LR pixels.

    Attributes:
        start, stop: the model's input.
        keep_start, keep_stop: the part of it whose output is kept; lies inside [start, stop).
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int

    def input(self, scale: float | Fraction = 1) -> slice:
        """Return the tile's place in the image, or in one that is `scale` times as large."""
        return slice(int(self.start * scale), int(self.stop * scale))

    def kept(self, scale: float | Fraction = 1) -> slice:
        """Return the place of the kept part in the image, or in one that is `scale` times as large."""
        return slice(int(self.keep_start * scale), int(self.keep_stop * scale))

    def kept_in_tile(self, scale: float | Fraction = 1) -> slice:
        """Return the place of the kept part in the tile, or in its output."""
        return slice(int((self.keep_start - self.start) * scale), int((self.keep_stop - self.start) * scale))


def spans(length: int, size: int, overlap: int, alignment: int = 1) -> list[Span]:
    """Cut an axis into overlapping tiles of one length.

    Every tile sees `overlap` pixels beyond its kept part, or the image's own edge. Tiles start at multiples of `alignment` and are as
    long as the image modulo `alignment`, so that strides and windows fall on the same pixels as in the whole image.

    Args:
        length: of the axis in pixels.
        size: pixels of a tile that are kept, about; at least 1.
        overlap: pixels that a tile sees beyond them on each side.
        alignment: what tiles are aligned to, in pixels.

    Returns:
        Tiles whose kept parts follow one another from 0 to `length`; one tile where the image is no longer than that.
    """
    tile = size + 2 * overlap + alignment
    tile += (length - tile) % alignment
    if tile >= length:
        return [Span(0, length, 0, length)]
    advance = max(alignment, (tile - 2 * overlap) // alignment * alignment)
    starts = [*range(0, length - tile, advance), length - tile]
    edges = [0, *(start + overlap for start in starts[1:]), length]
    return [Span(start, start + tile, first, last) for start, first, last in zip(starts, edges, edges[1:], strict=False)]


def tile_size_for(pixels: float, overlap: int) -> int:
    """Return the side of square tiles, without their overlap, whose forward pass is of so many LR pixels; at least 16."""
    return max(_MIN_SIZE, math.isqrt(int(pixels)) - 2 * overlap)


def tiles(shape: tuple[int, int], size: int, overlap: int, alignment: int = 1) -> Iterator[tuple[Span, Span]]:
    """Yield (rows, columns) of every tile of an image of (height, width)."""
    column_spans = spans(shape[1], size, overlap, alignment)
    for rows in spans(shape[0], size, overlap, alignment):
        for columns in column_spans:
            yield rows, columns
