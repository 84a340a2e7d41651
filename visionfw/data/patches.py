"""A patch is a number: number <-> (image, row, column) is arithmetic, and any numbers can be read at once."""

from __future__ import annotations

import numpy as np

from visionfw.data.datasets import find_sets
from visionfw.data.store import Store, fill_store
from visionfw.errors import RequestError


class PatchSource:
    """All patches of a store on a grid, numbered image by image, row by row.

    Args:
        store: the images.
        patch_size: side of an LR patch in pixels; the HR patch is `scale` times as large.
        stride: LR pixels between neighbouring patches; a quarter of the patch unless given.

    Raises:
        RequestError: no image is as large as a patch.
    """

    def __init__(self, store: Store, patch_size: int = 24, stride: int | None = None):
        if patch_size < 1 or (stride is not None and stride < 1):
            raise RequestError(f"patch_size and stride must be at least 1, not {patch_size} and {stride}")
        self.store = store
        self.patch_size = patch_size
        self.stride = stride or max(1, patch_size // 4)
        self.grid = np.maximum((store.sizes - patch_size) // self.stride + 1, 0)
        self.grid[(store.sizes < patch_size).any(axis=1)] = 0
        self.ends = np.cumsum(self.grid.prod(axis=1))
        if len(self) == 0:
            height, width = store.sizes.max(axis=0)
            raise RequestError(f"patch_size {patch_size}: no LR image is that large (the largest are {height} high or {width} wide)")

    @property
    def scale(self) -> int:
        return self.store.scale

    def __len__(self) -> int:
        return int(self.ends[-1])

    def locate(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return image, row and column (LR pixels, top left corner) of patches by number. Raises IndexError outside 0 .. len - 1."""
        ids = np.asarray(ids, np.int64)
        if ids.size and (ids.min() < 0 or ids.max() >= len(self)):
            raise IndexError(f"patch numbers go from 0 to {len(self) - 1}")
        image = np.searchsorted(self.ends, ids, side="right")
        local = ids - (self.ends[image] - self.grid[image].prod(axis=-1))
        row, column = np.divmod(local, self.grid[image, 1])
        return image, row * self.stride, column * self.stride

    def number(self, image: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return the numbers of patches from image, row and column: the inverse of `locate`."""
        first = self.ends[image] - self.grid[image].prod(axis=-1)
        return first + np.asarray(row) // self.stride * self.grid[image, 1] + np.asarray(column) // self.stride

    def read(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read patches by number.

        Returns:
            lr, (n, patch, patch, 3), and hr, (n, patch x scale, patch x scale, 3), uint8, aligned.
        """
        image, row, column = self.locate(ids)
        store, scale = self.store, self.scale
        width, start = store.sizes[image, 1], store.offsets[image]
        lr = _cut(store.lr, start, width, row, column, self.patch_size)
        hr = _cut(store.hr, start * scale**2, width * scale, row * scale, column * scale, self.patch_size * scale)
        return lr, hr


def _cut(pixels: np.ndarray, start: np.ndarray, width: np.ndarray, row: np.ndarray, column: np.ndarray, side: int) -> np.ndarray:
    """Copy square patches out of a flat pixel array, one row of all patches at a time."""
    corner = start + row * width + column
    span = np.arange(side)
    patches = np.empty((len(corner), side, side, pixels.shape[1]), pixels.dtype)
    for line in range(side):
        patches[:, line] = pixels[(corner + line * width)[:, None] + span]
    return patches


def open_patches(name: str, root: str | None = None, scale: int = 4, patch_size: int = 24, stride: int | None = None) -> PatchSource:
    """Open a data set as patches by number (`vf.data.open`).

    Args:
        name: a set's name or folder, or several joined by commas.
        root: folder that names are looked up in; $VISIONFW_DATA or the working directory unless given.
        scale: HR size / LR size.
        patch_size: side of an LR patch in pixels.
        stride: LR pixels between neighbouring patches; a quarter of the patch unless given.

    Returns:
        A source: len(source) patches; source.read(ids) -> lr, hr uint8 batches.

    Raises:
        RequestError: no such set, or no image as large as a patch.
        ImageError: a file cannot be read.
    """
    if scale < 1:
        raise RequestError(f"scale must be at least 1, not {scale}")
    return PatchSource(fill_store(find_sets(name, root, scale), scale), patch_size, stride)
