"""Decoded images: HR and LR pixels in flat, memory-mapped uint8 arrays, found by an index.

A store is a folder: hr.u8 and lr.u8 (the pixels of all images, one after the other, R G B), and index.json (where each image lies, the
file it comes from, and the degradation). `visionfw.data.cache.writer` writes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

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
        parts: (images,) which of the arrays each image lies in.
        lr, hr: flat uint8 arrays, 3 bytes a pixel, one for each set.
        scale: HR size / LR size.
        checksums: of each image's pixels.
        skipped: files that cannot be used, each with the reason.
        format_notes: of each image, how its file differs from an upright RGB file of 8 bits, in words.
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
    skipped: tuple[tuple[Path, str], ...] = ()
    format_notes: tuple[tuple[str, ...], ...] = ()
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

    def cut(self, image: np.ndarray, row: np.ndarray, column: np.ndarray, side: int, is_hr: bool) -> np.ndarray:
        """Copy square patches out of the LR images, or out of the HR images.

        A row of a patch is copied as one element of that many bytes, and all rows of all patches in one call.

        Args:
            image, row, column: (n,) the images' numbers, and the upper left corners in LR pixels.
            side: of a patch in LR pixels.
            is_hr: cut the HR patches that belong to these LR patches.

        Returns:
            (n, side, side, 3) uint8, or `scale` times the side for HR patches.
        """
        arrays, factor = (self.hr, self.scale) if is_hr else (self.lr, 1)
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
        return _open(folder, json.loads((folder / INDEX).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VisionfwError(f"cache {folder}: is damaged ({brief(error)})") from error


def _open(folder: Path, index: dict[str, Any]) -> Store:
    images = index["images"]
    lr, hr = (_map(folder / name) for name in ("lr.u8", "hr.u8"))
    pixels = max((image["offset"] + image["size"][0] * image["size"][1] for image in images), default=0)
    if len(lr) < 3 * pixels or len(hr) < 3 * pixels * index["scale"] ** 2:
        raise ValueError("its pixels are cut off")
    return Store(
        paths=tuple(Path(image["path"]) for image in images),
        sizes=np.array([image["size"] for image in images], np.int64).reshape(-1, 2),
        offsets=np.array([image["offset"] for image in images], np.int64),
        parts=np.zeros(len(images), np.int64),
        lr=(lr,),
        hr=(hr,),
        scale=index["scale"],
        checksums=tuple(image["checksum"] for image in images),
        skipped=tuple((Path(path), reason) for path, reason in index["skipped"]),
        format_notes=tuple(tuple(image["format_notes"]) for image in images),
        folders=(folder,),
    )


def _map(path: Path) -> np.ndarray:
    """Map a file of pixels into memory."""
    if not path.stat().st_size:
        return np.zeros(0, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, "r"))  # a plain array over the same pages: its slices are cheaper


def _rows_at(flat: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Return the `length` bytes at each start: (*starts.shape, length)."""
    elements = flat[: len(flat) // length * length].view(f"V{length}")
    at_every_byte = as_strided(elements, (len(flat) - length + 1,), (1,), writeable=False)
    return at_every_byte[starts].view(np.uint8).reshape(*starts.shape, length)


def join(stores: Sequence[Store]) -> Store:
    """Make one store of several of the same scale; no pixel is copied."""
    if len(stores) == 1:
        return stores[0]
    return Store(
        paths=_chain(store.paths for store in stores),
        sizes=np.concatenate([store.sizes for store in stores]),
        offsets=np.concatenate([store.offsets for store in stores]),
        parts=np.repeat(np.arange(len(stores)), [len(store) for store in stores]),
        lr=_chain(store.lr for store in stores),
        hr=_chain(store.hr for store in stores),
        scale=stores[0].scale,
        checksums=_chain(store.checksums for store in stores),
        skipped=tuple(dict.fromkeys(_chain(store.skipped for store in stores))),
        format_notes=_chain(store.format_notes for store in stores),
        folders=_chain(store.folders for store in stores),
    )


def _chain(tuples: Iterable[tuple]) -> tuple:
    return tuple(chain.from_iterable(tuples))
