"""Filling a store: every image is written at its own place, then its checksum; after a kill the images whose checksums hold are kept."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visionfw.backend.devices import processors
from visionfw.data.cache.store import INDEX
from visionfw.data.datasets import ImageSet
from visionfw.data.pairs import read_pair, size_of_hr
from visionfw.errors import VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import Header, ImageError, read_header
from visionfw.io.progress import ProgressCallback

#: Version of the store's files.
FORMAT = 2
_DONE = np.dtype([("is_done", "u4"), ("checksum", "u4"), ("height", "u4"), ("width", "u4")])


@dataclass(frozen=True)
class DecodeOptions:
    """All that a store's pixels depend on beside the files.

    Attributes:
        degradation: how LR images are made, and the scale.
        min_side: images are padded with noise up to this many HR pixels a side; 0 for no padding.
        rescale: what the size of HR images is multiplied with first.
    """

    degradation: Degradation
    min_side: int = 0
    rescale: float = 1.0

    @property
    def scale(self) -> int:
        """HR size / LR size."""
        return self.degradation.scale


@dataclass(frozen=True)
class Slot:
    """The place of one image in a store.

    Attributes:
        number: in the set.
        place: among the images that have a header.
        hr, lr: its files.
        size: of the LR image, as the header has it; (0, 0) for less than a pixel.
        offset: where the LR image starts, in pixels.
        format_notes: see `Header.format_notes`.
    """

    number: int
    place: int
    hr: Path
    lr: Path | None
    size: tuple[int, int]
    offset: int
    format_notes: list[str]

    @property
    def pixels(self) -> int:
        """Pixels of the LR image."""
        return self.size[0] * self.size[1]

    @property
    def checksum_seed(self) -> int:
        """What the checksum begins with, so that pixels of another image never count as this one's."""
        return zlib.crc32(str(self.number).encode())


def fill(images: ImageSet, options: DecodeOptions, folder: Path, progress: ProgressCallback | None) -> None:
    """Decode a set into a folder, which holds a whole store afterwards.

    Args:
        images: the set.
        options: what to decode them to.
        folder: created if necessary; what an earlier call has decoded into it is kept.
        progress: called with (images done, images in all).

    Raises:
        VisionfwError: the disk is too small.
        OSError: the disk refuses.
    """
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(processors()) as workers:
        slots, skipped = place_images(images, options, workers)
        pixels = sum(slot.pixels for slot in slots)
        _refuse_full_disk(folder, 3 * pixels * (1 + options.scale**2))
        with _Writer(folder, len(slots), pixels, options) as writer:
            skipped |= _write_all(writer, slots, workers, progress)
            writer.flush()
            _write_index(folder, images, slots, writer.done, skipped, options)
    (folder / "done").unlink()


def _write_all(writer: _Writer, slots: Sequence[Slot], workers: ThreadPoolExecutor, progress: ProgressCallback | None) -> dict[int, str]:
    """Write all images; return why some cannot be used, by their numbers in the set."""
    skipped = {}
    futures = {workers.submit(writer.write, slot): slot for slot in slots}
    try:
        for done, future in enumerate(as_completed(futures), 1):
            try:
                future.result()
            except ImageError as error:
                skipped[futures[future].number] = error.reason
            if progress:
                progress(done, len(slots))
    except BaseException:
        workers.shutdown(cancel_futures=True)
        raise
    return skipped


def place_images(images: ImageSet, options: DecodeOptions, workers: ThreadPoolExecutor) -> tuple[list[Slot], dict[int, str]]:
    """Give every image its place, from the headers; return also why some have none, by their numbers in the set."""
    pairs = images.pairs(options.degradation)
    slots: list[Slot] = []
    skipped, offset = {}, 0
    headers = workers.map(_header_or_reason, [hr for hr, _ in pairs])
    for number, ((hr, lr), header) in enumerate(zip(pairs, headers, strict=True)):
        if isinstance(header, str):
            skipped[number] = header
            continue
        height, width = (side // options.scale for side in size_of_hr((header.height, header.width), options.min_side, options.rescale))
        size = (height, width) if height and width else (0, 0)
        slots.append(Slot(number, len(slots), hr, lr, size, offset, header.format_notes()))
        offset += slots[-1].pixels
    return slots, skipped


def _header_or_reason(path: Path) -> Header | str:
    try:
        return read_header(path)
    except ImageError as error:
        return error.reason


def _refuse_full_disk(folder: Path, needed: int) -> None:
    there = sum(path.stat().st_blocks * 512 for path in folder.iterdir())
    free = shutil.disk_usage(folder).free + there
    if needed > free:
        raise VisionfwError(
            f"cache {folder.parent}: this takes {needed / 2**30:.2f} GiB and {free / 2**30:.2f} are free; --cache_dir or $VISIONFW_CACHE names another folder"
        )


class _Writer:
    """Writes images at their places, from any thread, and notes on the disk which of them are whole."""

    def __init__(self, folder: Path, count: int, pixels: int, options: DecodeOptions):
        self.options = options
        self.factors = (1, options.scale**2)  # pixels of an LR and of an HR image / those of the LR image
        self.files = [os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644) for name in ("lr.u8", "hr.u8", "done")]
        sizes = (*(3 * pixels * factor for factor in self.factors), count * _DONE.itemsize)
        for file, size in zip(self.files, sizes, strict=True):
            os.ftruncate(file, size)
        self.done = np.frombuffer(os.pread(self.files[2], count * _DONE.itemsize, 0), _DONE).copy()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self.files:
            os.close(file)

    def write(self, slot: Slot) -> None:
        """Decode one image and write it, unless an earlier process has. Raises ImageError where it cannot be read."""
        place = slot.place
        if self.done[place]["is_done"] and self._checksum_on_disk(slot) == self.done[place]["checksum"]:
            return
        self.done[place] = 0
        lr, hr = read_pair(slot.hr, slot.lr, self.options.degradation, self.options.min_side, self.options.rescale)
        height, width = lr.shape[:2]
        if height * width != slot.pixels:  # the sides may be swapped: not every EXIF orientation stands in the header
            raise ImageError(slot.hr, "its header promises another size than its pixels have")
        checksum = slot.checksum_seed
        for file, image, factor in zip(self.files, (lr, hr), self.factors, strict=False):
            content = np.ascontiguousarray(image).data
            _write_at(file, content, 3 * slot.offset * factor)
            checksum = zlib.crc32(content, checksum)
        self.done[place] = (1, checksum, height, width)
        _write_at(self.files[2], self.done[place].tobytes(), place * _DONE.itemsize)

    def _checksum_on_disk(self, slot: Slot) -> int:
        checksum = slot.checksum_seed
        for file, factor in zip(self.files, self.factors, strict=False):
            content = os.pread(file, 3 * slot.pixels * factor, 3 * slot.offset * factor)
            checksum = zlib.crc32(content, checksum)
        return checksum

    def flush(self) -> None:
        """Bring everything to the disk itself."""
        for file in self.files:
            os.fsync(file)


def _write_at(file: int, content: bytes | memoryview, offset: int) -> None:
    """Write all of a buffer; a full disk raises OSError, where writing through a memory map would kill the process."""
    view = memoryview(content).cast("B") if len(content) else memoryview(b"")
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _write_index(folder: Path, images: ImageSet, slots: Sequence[Slot], done: np.ndarray, skipped: dict[int, str], options: DecodeOptions) -> None:
    entries = [
        {"path": str(slot.hr), "size": [int(height), int(width)], "offset": slot.offset, "checksum": int(checksum), "format_notes": slot.format_notes}
        for slot, (is_done, checksum, height, width) in zip(slots, done.tolist(), strict=True)
        if is_done and slot.number not in skipped
    ]
    index = {
        "format": FORMAT,
        "name": images.name,
        "scale": options.scale,
        "degradation": str(options.degradation),
        "seed": options.degradation.seed,
        "images": entries,
        "skipped": [(str(images.hr[number]), reason) for number, reason in sorted(skipped.items())],
    }
    with (folder / INDEX).open("w", encoding="utf-8") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())
