"""A patch is a number: number <-> (image, row, column) is arithmetic, and any numbers can be read at once."""

from __future__ import annotations

from copy import copy

import numpy as np

from visionfw.data.augmentation.flips import by_value, copy_transformed
from visionfw.data.cache import open_sets
from visionfw.data.cache.store import Store
from visionfw.data.datasets import find_sets
from visionfw.errors import RequestError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.io.paths import cache_folder


class PatchSource:
    """All patches of a store on a grid, numbered image by image, row by row.

    Args:
        store: the images.
        patch_size: side of an LR patch in pixels; the HR patch is `scale` times as large.
        stride: LR pixels between neighboring patches; a quarter of the patch unless given.

    Attributes:
        grid: (images, 2) rows and columns of patches of each image.
        starts, ends: (images,) the number of each image's first patch, and of the first one behind its last.
        chosen: (n,) sorted numbers of the patches that a limited source holds; None for all.

    Raises:
        RequestError: no image is as large as a patch.
    """

    def __init__(self, store: Store, patch_size: int = 24, stride: int | None = None):
        for key, value in (("patch_size", patch_size), ("stride", stride)):
            if value is not None and not isinstance(value, int | np.integer):
                raise RequestError(f"{key} must be a whole number, not {value!r}")
        if patch_size < 1 or (stride is not None and stride < 1):
            raise RequestError(f"patch_size and stride must be at least 1, not {patch_size} and {stride}")
        self.store = store
        self.patch_size = patch_size
        self.stride = stride or max(1, patch_size // 4)
        self.grid = np.maximum((store.sizes - patch_size) // self.stride + 1, 0)
        self.grid[(store.sizes < patch_size).any(axis=1)] = 0
        counts = self.grid.prod(axis=1)
        self.ends = np.cumsum(counts)
        self.starts = self.ends - counts
        self.chosen: np.ndarray | None = None
        if len(self) == 0:
            height, width = store.sizes.max(axis=0, initial=0)
            raise RequestError(f"patch_size {patch_size}: no LR image is that large (the largest are {height} high or {width} wide)")

    @property
    def scale(self) -> int:
        """HR size / LR size."""
        return self.store.scale

    @property
    def sides(self) -> tuple[int, int]:
        """The sides of an LR and of an HR patch in pixels."""
        return self.patch_size, self.patch_size * self.scale

    def __len__(self) -> int:
        return len(self.chosen) if self.chosen is not None else int(self.ends[-1]) if len(self.ends) else 0

    def limited(self, count: int, seed: int = 0) -> PatchSource:
        """Return a source of `count` of these patches, drawn by a seed and numbered anew in their order; all where there are no more."""
        if count >= len(self):
            return self
        source = copy(self)
        source.chosen = np.sort(np.random.default_rng(seed).choice(len(self), count, replace=False))
        return source

    def locate(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where patches lie: image, row and column of the upper left corner in LR pixels, (n,) each.

        Raises:
            IndexError: a number outside 0 .. len - 1.
            RequestError: the numbers are not one row of whole numbers.
        """
        ids = np.asarray(ids)
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise RequestError(f"patch numbers are whole numbers in one row, (n,), not {ids.dtype} of shape {ids.shape}")
        ids = ids.astype(np.int64)
        if ids.size and (ids.min() < 0 or ids.max() >= len(self)):
            raise IndexError(f"patch numbers go from 0 to {len(self) - 1}")
        ids = ids if self.chosen is None else self.chosen[ids]
        image = np.searchsorted(self.ends, ids, side="right")
        row, column = np.divmod(ids - self.starts[image], self.grid[image, 1])
        return image, row * self.stride, column * self.stride

    def number(self, image: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return the numbers of patches from image, row and column: the inverse of `locate` for a source of all patches."""
        return self.starts[image] + np.asarray(row) // self.stride * self.grid[image, 1] + np.asarray(column) // self.stride

    def read(self, ids: np.ndarray, transforms: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Read patches by number.

        Args:
            ids: (n,) patch numbers.
            transforms: (n,) the flip or rotation 0..7 that each patch gets (see `augmentation.flips`); none unless given.

        Returns:
            lr, (n, patch, patch, 3), and hr, (n, patch x scale, patch x scale, 3), uint8, aligned.
        """
        lr, hr = (np.empty((len(ids), side, side, 3), np.uint8) for side in self.sides)
        self.read_into(lr, hr, ids, transforms)
        return lr, hr

    def read_into(self, lr: np.ndarray, hr: np.ndarray, ids: np.ndarray, transforms: np.ndarray | None = None) -> None:
        """Read patches as `read` does, into arrays that are there already."""
        image, row, column = self.locate(ids)
        for places, transform in by_value(np.zeros(len(ids), np.int8) if transforms is None else transforms):
            for target, is_hr in ((lr, False), (hr, True)):
                patches = self.store.cut(image[places], row[places], column[places], self.patch_size, is_hr)
                copy_transformed(target, places, patches, transform)  # while they are in the processor's cache


def open_patches(
    name: str,
    root: str | None = None,
    scale: int = 4,
    patch_size: int = 24,
    stride: int | None = None,
    *,
    degradation: str = "bicubic",
    seed: int = 0,
    invalid_images: str = "stop",
    cache: str | None = None,
) -> PatchSource:
    """Open an image set as patches by number (`vf.data.open`). Its images are decoded into the cache the first time.

    Args:
        name: a set's name or folder, or several joined by commas.
        root: folder that names are looked up in; $VISIONFW_DATA or the working directory unless given.
        scale: HR size / LR size.
        patch_size: side of an LR patch in pixels.
        stride: LR pixels between neighboring patches; a quarter of the patch unless given.
        degradation: how LR images are made where the set has none: 'bicubic', 'blur:sigma=1.6+bicubic' ...
        seed: of the random parts of the degradation.
        invalid_images: 'stop' or 'skip': what to do where images cannot be used.
        cache: folder of decoded images; $VISIONFW_CACHE or the user's cache folder unless given.

    Returns:
        A source: len(source) patches; source.read(ids) -> lr, hr uint8 batches.

    Raises:
        RequestError: no such set, a wrong argument, or no image as large as a patch.
        VisionfwError: images cannot be used, or the disk is full.
    """
    if invalid_images not in ("stop", "skip"):
        raise RequestError(f"invalid_images must be 'stop' or 'skip', not {invalid_images!r}")
    steps = Degradation.parse(degradation, scale, seed)
    sets = find_sets(str(name), None if root is None else str(root), scale)
    return PatchSource(open_sets(sets, steps, cache_folder(cache), invalid_images), patch_size, stride)
