"""Statistics of patches before any training: the PSNR of plain upscaling, how much more can be gained, and how flat they are.

Each is computed once for a store and a grid of patches, an image at a time and for all its patches at once, and kept beside the store.
A new statistic is one entry of PATCH_STATISTICS, which samplers name.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from visionfw.data.patches import PatchSource
from visionfw.data.threads import map_in_threads
from visionfw.errors import VisionfwError
from visionfw.imaging.color import luma
from visionfw.imaging.resize import imresize
from visionfw.io.files import write_bytes
from visionfw.io.progress import ProgressCallback
from visionfw.numerics import summed_area_table, window_sums
from visionfw.registry import Entry, Registry

_MAX_PSNR = 100.0  # dB, where nothing differs


@dataclass(frozen=True, kw_only=True)
class StatisticEntry(Entry):
    """A statistic of patches.

    The implementation is a function: PatchGrid, 'rgb' or 'y' (what is compared) -> (n,) of the grid's patches.

    Attributes:
        version: of the implementation. Raise it when the values change: kept statistics are keyed by it.
        depends_on_color: its values differ between 'rgb' and 'y'.
    """

    version: int = 1
    depends_on_color: bool = True


@dataclass(frozen=True)
class PatchGrid:
    """One image with the grid of its patches.

    Attributes:
        hr, lr: (height, width, 3) uint8.
        scale: HR size / LR size.
        side: of an HR patch in pixels.
        top, left: (rows,) and (columns,) of the grid in HR pixels.
    """

    hr: np.ndarray
    lr: np.ndarray
    scale: int
    side: int
    top: np.ndarray
    left: np.ndarray

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of an HR-sized (height, width) image over each patch: (n,) float64, row by row."""
        return (window_sums(summed_area_table(values), self.side, self.side, self.top, self.left) / self.side**2).ravel()


def _upscaling_psnr(grid: PatchGrid, color: str, upscale: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Return the PSNR of every patch in its upscaled image, dB, at most 100.

    The whole image is upscaled, so that a patch's border has its neighbors, as it has in use.
    """
    errors = grid.means(_squared_error(grid.hr, upscale(grid.lr, grid.scale), color))
    return np.minimum(10 * np.log10(255**2 / np.maximum(errors, 1e-9)), _MAX_PSNR)


def _headroom(grid: PatchGrid, color: str) -> np.ndarray:
    """Return how much squared error of the bicubic upscaling one step of back-projection removes, squared gray levels.

    The step adds to the upscaled image what it lacks of the LR image when shrunk again. What so simple a correction can recover, a
    network can too, and more of it; noise and textures that no method restores stay as they are, however large their error. It is
    negative where the step does harm. At scale 1, where the step changes nothing, it is the whole error.

    Reference: Irani and Peleg, Improving Resolution by Image Registration, CVGIP 1991.
    """
    lr = grid.lr.astype(np.float32)
    plain = imresize(lr, grid.scale)
    projected = plain + imresize(lr - imresize(plain, 1 / grid.scale), grid.scale)
    remaining = _squared_error(grid.hr, projected, color) if grid.scale > 1 else 0.0
    return grid.means(_squared_error(grid.hr, plain, color) - remaining)


def _deviation(grid: PatchGrid, color: str) -> np.ndarray:
    """Return the standard deviation of the HR patches' luma, gray levels."""
    image = luma(grid.hr) - 128.0  # smaller numbers lose less in the sums
    return np.sqrt(np.maximum(grid.means(image**2) - grid.means(image) ** 2, 0.0))


def _squared_error(hr: np.ndarray, image: np.ndarray, color: str) -> np.ndarray:
    """Return the squared error of every pixel, the mean over colors or that of luma: (height, width) float64."""
    if color == "y":
        return (luma(hr) - luma(image)) ** 2
    return np.square(hr.astype(np.float32) - image).mean(axis=2, dtype=np.float64)


def _bilinear(image: np.ndarray, scale: int) -> np.ndarray:
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((width * scale, height * scale), Image.Resampling.BILINEAR))


PATCH_STATISTICS: Registry[StatisticEntry] = Registry(
    "patch statistic",
    [
        StatisticEntry(name="bicubic_psnr", target=partial(_upscaling_psnr, upscale=imresize), help="PSNR of MATLAB's bicubic upscaling, dB"),
        StatisticEntry(name="bilinear_psnr", target=partial(_upscaling_psnr, upscale=_bilinear), help="PSNR of bilinear upscaling, dB"),
        StatisticEntry(name="headroom", target=_headroom, help="squared error of bicubic upscaling that one step of back-projection removes"),
        StatisticEntry(name="deviation", target=_deviation, help="standard deviation of the HR patch's luma, gray levels", depends_on_color=False),
    ],
    StatisticEntry,
)


def patch_statistic(source: PatchSource, name: str, color: str = "rgb", progress: ProgressCallback | None = None) -> np.ndarray:
    """Return a statistic of every patch of a source.

    Args:
        source: the patches.
        name: an entry of PATCH_STATISTICS.
        color: what is compared: 'rgb', or 'y' for luma alone.
        progress: called with (images done, images in all) while it is computed.

    Returns:
        (n,) float32. It lies on the disk where that can be written, and is not computed again.

    Raises:
        RequestError: no such statistic.
    """
    entry = PATCH_STATISTICS.get(name)
    variant = f"{name}_{color}" if entry.depends_on_color else name
    file = f"{variant}-v{entry.version}_{source.patch_size}_{source.stride}.npy"
    parts = []
    for part, folder in enumerate(source.store.folders):
        values = _read_kept(folder / file, _count(source, part))
        if values is None:
            values = _compute(source, part, entry, color, progress)
            _keep(folder / file, values)
        parts.append(values)
    values = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return values if source.chosen is None else values[source.chosen]


def _count(source: PatchSource, part: int) -> int:
    """Return how many patches the images of one set have."""
    return int(source.grid[source.store.parts == part].prod(axis=1).sum())


def _compute(source: PatchSource, part: int, entry: StatisticEntry, color: str, progress: ProgressCallback | None) -> np.ndarray:
    """Compute a statistic of all patches of one set, (n,) float32."""
    images = np.flatnonzero(source.store.parts == part)
    start, values = int(source.starts[images[0]]), np.zeros(_count(source, part), np.float32)
    images = images[source.grid[images].all(axis=1)]
    function = entry.load()
    results = map_in_threads(lambda index: function(_grid_of(source, index), color), images, progress)
    for index, result in zip(images, results, strict=True):
        values[source.starts[index] - start : source.ends[index] - start] = result
    return values


def _grid_of(source: PatchSource, index: int) -> PatchGrid:
    top, left = (np.arange(count) * source.stride * source.scale for count in source.grid[index])
    return PatchGrid(source.store.hr_image(index), source.store.lr_image(index), source.scale, source.sides[1], top, left)


def _read_kept(path: Path, count: int) -> np.ndarray | None:
    """Return values that were kept; None where there are none, or a damaged file."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return values if values.shape == (count,) and values.dtype == np.float32 else None


def _keep(path: Path, values: np.ndarray) -> None:
    file = io.BytesIO()
    np.save(file, values)
    with contextlib.suppress(VisionfwError):  # a cache that may only be read, or a full disk
        write_bytes(path, file.getvalue())
