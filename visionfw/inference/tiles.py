"""Where tiles of an image lie, so that what they make fits together without seams. Arithmetic alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in LR pixels.

    Attributes:
        start, stop: what the model is given.
        first, last: what is kept of its output; [first, last) lies inside [start, stop).
    """

    start: int
    stop: int
    first: int
    last: int


def spans(length: int, size: int, halo: int, step: int = 1) -> list[Span]:
    """Cut an axis into tiles of one length that overlap.

    Every tile sees `halo` pixels beyond what is kept of it, or the image's own edge. Tiles begin at multiples of `step` and are as long
    as the image modulo `step`, so that strides and windows fall on the same pixels as in the whole image.

    Args:
        length: of the axis in pixels.
        size: pixels of a tile that are kept, about; at least 1.
        halo: pixels that are seen beyond them on each side.
        step: see above.

    Returns:
        Tiles whose kept parts follow one another from 0 to `length`; one tile where the image is not larger than that.
    """
    whole = size + 2 * halo + step
    whole += (length - whole) % step
    if whole >= length:
        return [Span(0, length, 0, length)]
    advance = max(step, (whole - 2 * halo) // step * step)
    starts = [*range(0, length - whole, advance), length - whole]
    edges = [0, *(start + halo for start in starts[1:]), length]
    return [Span(start, start + whole, first, last) for start, first, last in zip(starts, edges, edges[1:], strict=False)]


def size_for(budget: float, bytes_per_pixel: float, halo: int) -> int:
    """Return the side of square tiles, without their halo, whose forward pass takes `budget` bytes; at least 16 pixels."""
    return max(16, math.isqrt(int(budget / bytes_per_pixel)) - 2 * halo)


def tiles(shape: tuple[int, int], size: int, halo: int, step: int = 1) -> Iterator[tuple[Span, Span]]:
    """Yield (rows, columns) of every tile of an image of (height, width)."""
    columns = spans(shape[1], size, halo, step)
    for rows in spans(shape[0], size, halo, step):
        for column in columns:
            yield rows, column
