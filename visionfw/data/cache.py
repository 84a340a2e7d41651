"""The cache of decoded images: filled once for the same files and the same degradation, in parallel, atomically, and resumed when it was killed.

A store is filled in NAME-KEY.partial under a lock that the system itself lifts when the process ends, and renamed when it is whole. Each
image is written at its own place, then its checksum is; after a kill the images whose checksums hold are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visionfw.data.datasets import ImageSet
from visionfw.data.pairs import read_pair, size_of_hr
from visionfw.data.store import INDEX, Store, join, open_store
from visionfw.errors import VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import Header, ImageError, read_header
from visionfw.io.locks import locked
from visionfw.io.progress import ProgressCallback

_MOST_TOLD = 40
_FORMAT = 1  # of the store's files; part of the key
_DONE = np.dtype([("is_done", "u4"), ("checksum", "u4"), ("height", "u4"), ("width", "u4")])


def clear(folder: Path, stores: Sequence[Path] | None = None) -> list[Path]:
    """Remove decoded images, finished or not.

    Args:
        folder: of the cache.
        stores: which; all that the cache holds unless given.

    Returns:
        What was removed.
    """
    if stores is None:
        stores = [path.parent for path in folder.glob(f"*/{INDEX}")] + [path.with_suffix("") for path in folder.glob("*.partial")]
    removed = []
    for store in dict.fromkeys(stores):
        for path in (store, store.with_name(f"{store.name}.partial")):
            if path.is_dir():
                shutil.rmtree(path)
                removed.append(path)
        store.with_name(f".{store.name}.lock").unlink(missing_ok=True)
    return removed


def open_sets(
    sets: Sequence[ImageSet],
    degradation: Degradation,
    folder: Path,
    on_bad: str = "stop",
    least: int = 0,
    progress: ProgressCallback | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Store:
    """Return the decoded images of some sets, from the cache where they are there, else decoding them into it.

    Args:
        sets: what to read.
        degradation: how LR images are made, where a set brings none.
        folder: of the cache.
        on_bad: 'stop' or 'skip': what to do where images cannot be used.
        least: images of their own size with a shorter side than this many HR pixels are framed with noise up to it; 0 for none.
        progress: called with (images done, images in all) of each set.
        log: called with a line where another process is waited for.

    Raises:
        VisionfwError: images cannot be used and `on_bad` is 'stop' (all of them are told), no image of a set can be used, or the
            disk is full; what was decoded is kept and gone on with.
    """
    makings = [_Making(degradation, least if images.rescale == 1 else 0, images.rescale) for images in sets]
    store = join([_open_set(images, making, folder, progress, log) for images, making in zip(sets, makings, strict=True)])
    if store.left_out and on_bad == "stop":
        told = [f"{path}: {reason}" for path, reason in store.left_out[:_MOST_TOLD]]
        more = len(store.left_out) - len(told)
        last = f"{len(store.left_out)} of {len(set(store.paths)) + len(store.left_out)} images cannot be used; --on_bad=skip goes on without them"
        raise VisionfwError("\n".join([*told, *([f"... and {more} more"] if more else []), last]))
    return store


@dataclass(frozen=True)
class _Making:
    """All that a store's pixels depend on beside the files."""

    degradation: Degradation
    least: int = 0
    rescale: float = 1.0

    @property
    def scale(self) -> int:
        return self.degradation.scale


def store_folder(images: ImageSet, degradation: Degradation, folder: Path, least: int = 0) -> Path:
    """Return where the store of a set lies in the cache; other files, other times of writing or another degradation give another place."""
    seed = 0 if degradation.is_bicubic and not least else degradation.seed
    rescale = "" if images.rescale == 1 else f" {images.rescale}"
    digest = hashlib.sha256(f"{_FORMAT} {degradation.scale} {seed} {degradation} {least}{rescale}".encode())
    for hr, lr in images.pairs(degradation):
        for path in (hr, lr):
            digest.update(f"\n{_identity(path)}".encode("utf-8", "surrogateescape"))
    plain = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(Path(images.name).parts[-2:])).strip("_")[:60]
    return folder / f"{plain}_x{degradation.scale}-{digest.hexdigest()[:16]}"


def _identity(path: Path | None) -> str:
    if path is None:
        return "-"
    try:
        found = path.stat()
    except OSError:
        return f"{path} missing"
    return f"{path.absolute()} {found.st_size} {found.st_mtime_ns} {os.access(path, os.R_OK)}"


def _open_set(images: ImageSet, making: _Making, folder: Path, progress: ProgressCallback | None, log: Callable[[str], None]) -> Store:
    final = store_folder(images, making.degradation, folder, making.least)
    store = _open_whole(final)
    if store is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with locked(final.with_name(f".{final.name}.lock"), lambda: log(f"another process is decoding {images.name}; waiting for it")):
                store = _open_whole(final, log) or _fill(images, making, final, progress)
        except OSError as error:
            raise VisionfwError(f"cache {folder}: {error.strerror or error}; --cache_dir or $VISIONFW_CACHE names another folder") from error
    if not len(store):
        reasons = "; ".join(f"{path.name}: {reason}" for path, reason in store.left_out[:3])
        raise VisionfwError(f"data set {images.name!r}: none of its {len(images.hr)} images can be used: {reasons}")
    return store


def _open_whole(final: Path, log: Callable[[str], None] | None = None) -> Store | None:
    """Open a store; None where there is none. With `say` a damaged one is told and removed."""
    if not final.exists():
        return None
    try:
        return open_store(final)
    except VisionfwError as error:
        if log:
            log(f"{error}; it is decoded anew")
            shutil.rmtree(final) if final.is_dir() else final.unlink()
        return None


@dataclass(frozen=True)
class _Slot:
    """Where one image goes: its number in the set, its place among the usable, the LR size that its header promises, its offset in LR pixels."""

    number: int
    place: int
    hr: Path
    lr: Path | None
    size: tuple[int, int]
    offset: int
    oddities: list[str]

    @property
    def seed(self) -> int:
        """What its checksum begins with: pixels that were another image's never count as its own."""
        return zlib.crc32(str(self.number).encode())


def _fill(images: ImageSet, making: _Making, final: Path, progress: ProgressCallback | None) -> Store:
    """Decode a set into a store, beside its place, move it there when it is whole, and open it."""
    partial = final.with_name(f"{final.name}.partial")
    partial.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        slots, left_out = _plan(images, making, workers)
        pixels = sum(slot.size[0] * slot.size[1] for slot in slots)
        _refuse_full_disk(partial, 3 * pixels * (1 + making.scale**2))
        with _Writer(partial, len(slots), pixels, making) as writer:
            futures = {workers.submit(writer.write, slot): slot for slot in slots}
            try:
                for done, future in enumerate(as_completed(futures), 1):
                    try:
                        future.result()
                    except ImageError as error:
                        left_out[futures[future].number] = error.reason
                    if progress:
                        progress(done, len(slots))
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise
            writer.flush()
            _write_index(partial, slots, writer.done, images, left_out, making.degradation)
    partial.rename(final)
    (final / "done").unlink()
    return open_store(final)


def _plan(images: ImageSet, making: _Making, workers: ThreadPoolExecutor) -> tuple[list[_Slot], dict[int, str]]:
    """Give every image its place, from the headers; files that have none are left out."""
    pairs = images.pairs(making.degradation)
    slots, left_out, offset = [], {}, 0
    for number, (pair, found) in enumerate(zip(pairs, workers.map(_header_or_reason, [hr for hr, _ in pairs]), strict=True)):
        if isinstance(found, str):
            left_out[number] = found
            continue
        height, width = (side // making.scale for side in size_of_hr((found.height, found.width), making.least, making.rescale))
        size = (height, width) if height and width else (0, 0)
        slots.append(_Slot(number, len(slots), *pair, size, offset, found.oddities()))
        offset += size[0] * size[1]
    return slots, left_out


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
    """Writes images at their places, from any thread, and remembers on the disk which of them are whole."""

    def __init__(self, folder: Path, count: int, pixels: int, making: _Making):
        self.making = making
        self.files = [os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644) for name in ("lr.u8", "hr.u8", "done")]
        for file, size in zip(self.files, (3 * pixels, 3 * pixels * making.scale**2, count * _DONE.itemsize), strict=True):
            os.ftruncate(file, size)
        self.done = np.frombuffer(os.pread(self.files[2], count * _DONE.itemsize, 0), _DONE).copy()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self.files:
            os.close(file)

    def write(self, slot: _Slot) -> None:
        """Decode one image and write it, unless it stands there from an earlier time. Raises ImageError where it cannot be read."""
        place = slot.place
        if self.done[place]["is_done"] and self._checksum_on_disk(slot) == self.done[place]["checksum"]:
            return
        self.done[place] = 0
        lr, hr = read_pair(slot.hr, slot.lr, self.making.degradation, self.making.least, self.making.rescale)
        height, width = lr.shape[:2]
        if height * width != slot.size[0] * slot.size[1]:  # the sides may be changed: not every turn stands in the header
            raise ImageError(slot.hr, "its header promises another size than its pixels have")
        checksum = slot.seed
        for file, image, factor in zip(self.files, (lr, hr), (1, self.making.scale**2), strict=False):
            content = np.ascontiguousarray(image).data
            _write_whole(file, content, 3 * slot.offset * factor)
            checksum = zlib.crc32(content, checksum)
        self.done[place] = (1, checksum, height, width)
        _write_whole(self.files[2], self.done[place].tobytes(), place * _DONE.itemsize)

    def _checksum_on_disk(self, slot: _Slot) -> int:
        checksum = slot.seed
        for file, factor in zip(self.files, (1, self.making.scale**2), strict=False):
            content = os.pread(file, 3 * slot.size[0] * slot.size[1] * factor, 3 * slot.offset * factor)
            checksum = zlib.crc32(content, checksum)
        return checksum

    def flush(self) -> None:
        """Bring everything to the disk itself."""
        for file in self.files:
            os.fsync(file)


def _write_whole(file: int, content: bytes | memoryview, offset: int) -> None:
    """Write all of a buffer; a full disk raises OSError, where writing through a memory map would kill the process."""
    view = memoryview(content).cast("B") if len(content) else memoryview(b"")
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _write_index(folder: Path, slots: Sequence[_Slot], done: np.ndarray, images: ImageSet, left_out: dict, degradation: Degradation) -> None:
    entries = [
        {"path": str(slot.hr), "size": [int(height), int(width)], "offset": slot.offset, "checksum": int(checksum), "oddities": slot.oddities}
        for slot, (is_done, checksum, height, width) in zip(slots, done.tolist(), strict=True)
        if is_done and slot.number not in left_out
    ]
    index = {
        "format": _FORMAT,
        "name": images.name,
        "scale": degradation.scale,
        "degradation": str(degradation),
        "seed": degradation.seed,
        "images": entries,
        "left_out": [(str(images.hr[number]), reason) for number, reason in sorted(left_out.items())],
    }
    with (folder / INDEX).open("w", encoding="utf-8") as file:
        json.dump(index, file)
        file.flush()
        os.fsync(file.fileno())
