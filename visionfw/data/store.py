"""Images decoded once: HR and LR pixels side by side in flat uint8 arrays, found by an index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visionfw.data.datasets import ImageSet
from visionfw.errors import VisionfwError
from visionfw.imaging.files import read_image
from visionfw.imaging.resize import imresize


@dataclass(frozen=True)
class Store:
    """All images of one or several sets.

    Attributes:
        paths: the HR files.
        sizes: (images, 2) height and width of the LR images; HR images are `scale` times as large.
        offsets: where each LR image starts, in LR pixels; HR images start at scale^2 times that.
        lr, hr: (pixels, 3) uint8.
        scale: HR size / LR size.
    """

    paths: tuple[Path, ...]
    sizes: np.ndarray
    offsets: np.ndarray
    lr: np.ndarray
    hr: np.ndarray
    scale: int

    def __len__(self) -> int:
        return len(self.paths)

    def lr_image(self, index: int) -> np.ndarray:
        """Return the LR image as a (height, width, 3) uint8 view."""
        height, width = self.sizes[index]
        return self.lr[self.offsets[index] : self.offsets[index] + height * width].reshape(height, width, 3)

    def hr_image(self, index: int) -> np.ndarray:
        """Return the HR image as a (height, width, 3) uint8 view."""
        height, width = self.sizes[index] * self.scale
        start = self.offsets[index] * self.scale**2
        return self.hr[start : start + height * width].reshape(height, width, 3)

    def fingerprint(self) -> str:
        """Return a hash of the pixels and the pairing: equal fingerprints mean equal training data."""
        digest = hashlib.sha256(f"{self.scale} {self.sizes.tolist()}".encode())
        digest.update(self.lr)
        digest.update(self.hr)
        return digest.hexdigest()[:16]


def read_pair(hr_path: Path, lr_path: Path | None, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Read an HR image, cropped to a multiple of the scale, and its LR image, made by MATLAB's bicubic where none is given.

    Returns:
        lr, hr: (height, width, 3) uint8.

    Raises:
        ImageError: a file cannot be read.
        VisionfwError: the image is smaller than the scale, or the LR file has another size than HR / scale.
    """
    hr = read_image(hr_path)
    height, width = (size // scale for size in hr.shape[:2])
    if not height or not width:
        raise VisionfwError(f"{hr_path}: {hr.shape[1]} x {hr.shape[0]} pixels cannot be shrunk by {scale}")
    hr = hr[: height * scale, : width * scale]
    if lr_path is None:
        return imresize(hr, 1 / scale), hr
    lr = read_image(lr_path)
    if lr.shape[:2] != (height, width):
        raise VisionfwError(f"{lr_path}: {lr.shape[1]} x {lr.shape[0]} pixels, but {hr_path.name} / {scale} has {width} x {height}")
    return lr, hr


def fill_store(sets: Sequence[ImageSet], scale: int, progress: Callable[[int, int], None] | None = None) -> Store:
    """Decode every image of some sets.

    Args:
        sets: what to read.
        scale: HR size / LR size.
        progress: called with (images done, images in all).

    Raises:
        ImageError, VisionfwError: a file cannot be used; the message names it.
    """
    files = [(hr, lr) for entry in sets for hr, lr in zip(entry.hr, entry.lr or [None] * len(entry.hr), strict=True)]
    pairs = []
    for number, (hr_path, lr_path) in enumerate(files, 1):
        pairs.append(read_pair(hr_path, lr_path, scale))
        if progress:
            progress(number, len(files))
    sizes = np.array([lr.shape[:2] for lr, _ in pairs], np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))[:-1]])
    lr = np.concatenate([lr.reshape(-1, 3) for lr, _ in pairs])
    hr = np.concatenate([hr.reshape(-1, 3) for _, hr in pairs])
    return Store(tuple(hr for hr, _ in files), sizes, offsets, lr, hr, scale)
