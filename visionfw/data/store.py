"""Images decoded once: HR and LR pixels in flat, memory-mapped uint8 arrays, found by an index.

A store is a folder: hr.u8 and lr.u8 (pixels of all images, one after the other, R G B), and index.json (what lies where, of which
files, made how). `visionfw.data.cache` writes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided

from visionfw.errors import VisionfwError, brief

INDEX = "index.json"


@dataclass(frozen=True)
class Store:
    """All usable images of one or several sets.

    Attributes:
        paths: the HR files.
        sizes: (images, 2) height and width of the LR images; HR images are `scale` times as large; 0 where an image is smaller
            than one LR pixel.
        offsets: (images,) where each LR image starts in its array, in pixels; HR images start at scale^2 times that.
        parts: (images,) which of the arrays it lies in.
        lr, hr: flat uint8 arrays, 3 bytes a pixel, one for each set.
        scale: HR size / LR size.
        checksums: of each image's pixels.
        left_out: files that cannot be used, each with the reason.
        oddities: of each image, what sets it apart from an upright RGB file of 8 bits, in words.
        folders: where the arrays lie, one for each set.
    """

    paths: tuple[Path, ...]
    sizes: np.ndarray
    offsets: np.ndarray
    parts: np.ndarray
    lr: tuple[np.ndarray, ...]
    hr: tuple[np.ndarray, ...]
    scale: int
    checksums: tuple[int, ...] = ()
    left_out: tuple[tuple[Path, str], ...] = ()
    oddities: tuple[tuple[str, ...], ...] = ()
    folders: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def lr_image(self, index: int) -> np.ndarray:
        """Return the LR image as a (height, width, 3) uint8 view."""
        return self._view(self.lr, index, 1)

    def hr_image(self, index: int) -> np.ndarray:
        """Return the HR image as a (height, width, 3) uint8 view."""
        return self._view(self.hr, index, self.scale)

    def _view(self, arrays: tuple[np.ndarray, ...], index: int, factor: int) -> np.ndarray:
        height, width = (self.sizes[index] * factor).tolist()
        start = 3 * int(self.offsets[index]) * factor**2
        return arrays[self.parts[index]][start : start + 3 * height * width].reshape(height, width, 3)

    def cut(self, image: np.ndarray, row: np.ndarray, column: np.ndarray, side: int, hr: bool) -> np.ndarray:
        """Copy square patches out of the LR images, or out of the HR images.

        A row of a patch is copied as one element of that many bytes, and all rows of all patches in one call.

        Args:
            image, row, column: (n,) which image, and the upper left corners in LR pixels.
            side: of a patch in LR pixels.
            hr: cut the HR patches that belong to these LR patches.

        Returns:
            (n, side, side, 3) uint8, or `scale` times the side for HR patches.
        """
        arrays, factor = (self.hr, self.scale) if hr else (self.lr, 1)
        side *= factor
        width = self.sizes[image, 1] * factor
        corner = self.offsets[image] * factor**2 + row * factor * width + column * factor
        starts = 3 * (corner[:, None] + width[:, None] * np.arange(side))
        if len(arrays) == 1:
            return _rows_at(arrays[0], starts, 3 * side).reshape(-1, side, side, 3)
        parts = self.parts[image]
        lines = np.empty((len(image), side, 3 * side), np.uint8)
        for part in np.unique(parts).tolist():
            lines[parts == part] = _rows_at(arrays[part], starts[parts == part], 3 * side)
        return lines.reshape(-1, side, side, 3)

    def fingerprint(self) -> str:
        """Return a hash of the pixels and the pairing: equal fingerprints mean equal training data."""
        return hashlib.sha256(f"{self.scale} {self.sizes.tolist()} {list(self.checksums)}".encode()).hexdigest()[:16]


def open_store(folder: Path) -> Store:
    """Open a finished store. Raises VisionfwError where it is damaged."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        images = index["images"]
        sizes = np.array([image["size"] for image in images], np.int64).reshape(-1, 2)
        lr, hr = (_mapped(folder / name) for name in ("lr.u8", "hr.u8"))
        pixels = max((image["offset"] + image["size"][0] * image["size"][1] for image in images), default=0)
        if len(lr) < 3 * pixels or len(hr) < 3 * pixels * index["scale"] ** 2:
            raise ValueError("its pixels are cut off")
        return Store(
            tuple(Path(image["path"]) for image in images),
            sizes,
            np.array([image["offset"] for image in images], np.int64),
            np.zeros(len(images), np.int64),
            (lr,),
            (hr,),
            index["scale"],
            tuple(image["checksum"] for image in images),
            tuple((Path(path), reason) for path, reason in index["left_out"]),
            tuple(tuple(image["oddities"]) for image in images),
            (folder,),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VisionfwError(f"cache {folder}: is damaged ({brief(error)})") from error


def _mapped(path: Path) -> np.ndarray:
    if not path.stat().st_size:
        return np.zeros(0, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, "r"))  # a plain array over the same pages: its slices are cheaper


def _rows_at(flat: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Return the `length` bytes at each start: (*starts.shape, length)."""
    elements = flat[: len(flat) // length * length].view(f"V{length}")
    anywhere = as_strided(elements, (len(flat) - length + 1,), (1,), writeable=False)
    return anywhere[starts].view(np.uint8).reshape(*starts.shape, length)


def join(stores: Sequence[Store]) -> Store:
    """Make one store of several of the same scale; no pixel is copied."""
    if len(stores) == 1:
        return stores[0]
    parts = [np.full(len(store), number, np.int64) for number, store in enumerate(stores)]
    return Store(
        tuple(path for store in stores for path in store.paths),
        np.concatenate([store.sizes for store in stores]),
        np.concatenate([store.offsets for store in stores]),
        np.concatenate(parts),
        tuple(store.lr[0] for store in stores),
        tuple(store.hr[0] for store in stores),
        stores[0].scale,
        tuple(checksum for store in stores for checksum in store.checksums),
        tuple(dict.fromkeys(entry for store in stores for entry in store.left_out)),
        tuple(words for store in stores for words in store.oddities),
        tuple(store.folders[0] for store in stores),
    )
