"""What is known of patches before any training: the PSNR of a plain enlargement, what more than that can be gained, and how flat they are.

Computed once for a store and a grid of patches, an image at a time and for all its patches at once, and kept beside the store.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from visionfw.data.patches import PatchSource
from visionfw.errors import VisionfwError
from visionfw.imaging.color import luma
from visionfw.imaging.resize import imresize
from visionfw.io.files import write_bytes
from visionfw.io.progress import ProgressCallback

_MOST_PSNR = 100.0  # dB, where nothing differs


def enlargement_psnr(source: PatchSource, filter_name: str = "bicubic", color: str = "rgb", progress: ProgressCallback | None = None) -> np.ndarray:
    """Return the PSNR of every patch in its image's plain enlargement.

    The whole image is enlarged, so that a patch's border has its neighbors, as it has in use.

    Args:
        source: the patches.
        filter_name: 'bicubic' (MATLAB's), or 'bilinear'.
        color: 'rgb', or 'y' for luma alone.
        progress: called with (images done, images in all).

    Returns:
        (n,) float32, dB, at most 100; it lies on the disk where that can be written.
    """
    enlarge = _ENLARGE[filter_name]

    def of_image(index: int) -> np.ndarray:
        error = _squared_error(source.store.hr_image(index), enlarge(source.store.lr_image(index), source.scale), color)
        return np.minimum(10 * np.log10(255**2 / np.maximum(_window_means(source, index, error), 1e-9)), _MOST_PSNR)

    return _of_every_patch(source, f"{filter_name}_psnr_{color}", of_image, progress)


def headroom(source: PatchSource, color: str = "rgb", progress: ProgressCallback | None = None) -> np.ndarray:
    """Return how much squared error of every patch's bicubic enlargement goes with one step of back-projection.

    The step adds what the enlargement, made small again, lacks of the LR image. What so simple a correction can mend, a network can,
    and more of it; noise and textures that no method restores stay as they are, however large their error.

    Args:
        source: the patches.
        color: 'rgb', or 'y' for luma alone.
        progress: called with (images done, images in all).

    Returns:
        (n,) float32, squared gray levels, below 0 where the step does harm; at scale 1, where it does nothing, the whole error. It lies on
        the disk where that can be written.

    Reference: Irani and Peleg, Improving Resolution by Image Registration, CVGIP 1991.
    """

    def of_image(index: int) -> np.ndarray:
        hr, lr = source.store.hr_image(index), source.store.lr_image(index).astype(np.float32)
        plain = imresize(lr, source.scale)
        mended = plain + imresize(lr - imresize(plain, 1 / source.scale), source.scale)
        left = _squared_error(hr, mended, color) if source.scale > 1 else 0.0
        return _window_means(source, index, _squared_error(hr, plain, color) - left)

    return _of_every_patch(source, f"headroom_{color}", of_image, progress)


def deviation(source: PatchSource, progress: ProgressCallback | None = None) -> np.ndarray:
    """Return the standard deviation of every HR patch's luma, in gray levels: (n,) float32; it lies on the disk where that can be written."""

    def of_image(index: int) -> np.ndarray:
        image = luma(source.store.hr_image(index)) - 128.0  # small numbers lose less
        return np.sqrt(np.maximum(_window_means(source, index, image**2) - _window_means(source, index, image) ** 2, 0.0))

    return _of_every_patch(source, "deviation", of_image, progress)


def _squared_error(hr: np.ndarray, made: np.ndarray, color: str) -> np.ndarray:
    """Return the squared error of every pixel, the mean over colors or that of luma, float64."""
    if color == "y":
        return (luma(hr) - luma(made)) ** 2
    return np.square(hr.astype(np.float32) - made).mean(axis=2, dtype=np.float64)


def _bilinear(image: np.ndarray, scale: int) -> np.ndarray:
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((width * scale, height * scale), Image.Resampling.BILINEAR))


_ENLARGE = {"bicubic": imresize, "bilinear": _bilinear}


def _window_means(source: PatchSource, index: int, image: np.ndarray) -> np.ndarray:
    """Return the mean of an HR-sized image over each of an image's patches, in the patches' order, from one summed-area table."""
    sums = np.pad(image, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    side = source.patch_size * source.scale
    top, left = (np.arange(count) * source.stride * source.scale for count in source.grid[index])
    windows = sums[np.ix_(top + side, left + side)] - sums[np.ix_(top, left + side)] - sums[np.ix_(top + side, left)] + sums[np.ix_(top, left)]
    return (windows / side**2).ravel()


def _of_every_patch(source: PatchSource, name: str, of_image: Callable[[int], np.ndarray], progress: ProgressCallback | None) -> np.ndarray:
    """Put together what is known of each set's patches, from the disk or computed."""
    store, found = source.store, []
    name = f"{name}_{source.patch_size}_{source.stride}.npy"
    for part, folder in enumerate(store.folders):
        images = np.flatnonzero(store.parts == part)
        count = int(source.grid[images].prod(axis=1).sum())
        figures = _kept(folder / name, count)
        if figures is None:
            figures = np.zeros(count, np.float32)
            start = int(source.starts[images[0]])
            images = images[source.grid[images].all(axis=1)]
            with ThreadPoolExecutor(os.cpu_count()) as workers:
                for done, (index, values) in enumerate(zip(images, workers.map(of_image, images), strict=True), 1):
                    figures[source.starts[index] - start : source.ends[index] - start] = values
                    if progress:
                        progress(done, len(images))
            file = io.BytesIO()
            np.save(file, figures)
            with contextlib.suppress(VisionfwError):  # a cache that may only be read, or a full disk
                write_bytes(folder / name, file.getvalue())
        found.append(figures)
    figures = found[0] if len(found) == 1 else np.concatenate(found)
    return figures if source.chosen is None else figures[source.chosen]


def _kept(path, count: int) -> np.ndarray | None:
    try:
        figures = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return figures if figures.shape == (count,) and figures.dtype == np.float32 else None


#: Every statistic by its name: a function of the patches, the color ('rgb' or 'y') and a progress reporter.
PATCH_STATISTICS: dict[str, Callable[[PatchSource, str, ProgressCallback | None], np.ndarray]] = {
    "bicubic_psnr": lambda source, color, progress: enlargement_psnr(source, "bicubic", color, progress),
    "bilinear_psnr": lambda source, color, progress: enlargement_psnr(source, "bilinear", color, progress),
    "headroom": headroom,
    "deviation": lambda source, color, progress: deviation(source, progress),
}
