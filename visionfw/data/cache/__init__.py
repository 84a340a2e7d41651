"""The cache of decoded images: filled once for the same files and the same degradation, in parallel, and continued after a kill.

A store is filled in NAME-KEY.partial under a lock that the system itself releases when the process ends, and renamed when it is
whole. `writer` fills stores, `store` opens them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from visionfw.data.cache.headers import store_without_pixels
from visionfw.data.cache.store import INDEX, Store, join, open_store
from visionfw.data.cache.writer import FORMAT, DecodeOptions, fill
from visionfw.data.datasets import ImageSet
from visionfw.errors import VisionfwError
from visionfw.imaging import files
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.io.locks import locked
from visionfw.io.paths import folder_name
from visionfw.io.progress import ProgressCallback

_MAX_SHOWN = 40
Log = Callable[[str], None]


def clear(folder: Path, stores: Sequence[Path] | None = None) -> list[Path]:
    """Remove decoded images, finished or not.

    Args:
        folder: of the cache.
        stores: the ones to remove; None for all.

    Returns:
        What was removed.
    """
    if stores is None:
        stores = [path.parent for path in folder.glob(f"*/{INDEX}")] + [path.with_suffix("") for path in folder.glob("*.partial")]
    removed = []
    for store in dict.fromkeys(stores):
        for path in (store, _partial(store)):
            if path.is_dir():
                shutil.rmtree(path)
                removed.append(path)
        _lock(store).unlink(missing_ok=True)
    return removed


def open_sets(
    sets: Sequence[ImageSet],
    degradation: Degradation,
    folder: Path,
    invalid_images: str = "stop",
    min_side: int = 0,
    progress: ProgressCallback | None = None,
    log: Log = lambda line: None,
) -> Store:
    """Return the decoded images of some sets: from the cache, or decoded into it now.

    Args:
        sets: what to read.
        degradation: makes the LR images of sets without their own.
        folder: of the cache.
        invalid_images: 'stop' or 'skip': what to do where images cannot be used.
        min_side: images that are used at their own size are padded with noise up to this many HR pixels a side; 0 for no padding.
        progress: called with (images done, images in all) of each set.
        log: called with a line while another process is waited for, and where a damaged store is decoded anew.

    Raises:
        VisionfwError: images cannot be used and `invalid_images` is 'stop' (all of them are named), no image of a set can be used, or the
            disk is full; what was decoded is kept, and the next call continues from there.
    """
    stores = [_open_set(images, _options(images, degradation, min_side), folder, progress, log) for images in sets]
    return _join_usable(sets, stores, invalid_images)


def open_headers(sets: Sequence[ImageSet], degradation: Degradation, invalid_images: str = "stop", min_side: int = 0) -> Store:
    """Return what `open_sets` would return without the pixels. Only headers are read, and nothing is written.

    Args:
        sets, degradation, invalid_images, min_side: as in `open_sets`.

    Raises:
        VisionfwError: as `open_sets`, for files whose header cannot be read.
    """
    return _join_usable(sets, [store_without_pixels(images, _options(images, degradation, min_side)) for images in sets], invalid_images)


def _options(images: ImageSet, degradation: Degradation, min_side: int) -> DecodeOptions:
    return DecodeOptions(degradation, min_side if images.rescale == 1 else 0, images.rescale)


def _join_usable(sets: Sequence[ImageSet], stores: Sequence[Store], invalid_images: str) -> Store:
    """Join stores, unless a set has no usable image or images cannot be used and that is a reason to stop."""
    for images, store in zip(sets, stores, strict=True):
        if not len(store):
            reasons = "; ".join(f"{path.name}: {reason}" for path, reason in store.skipped[:3])
            raise VisionfwError(f"data set {images.name!r}: none of its {len(images.hr)} images can be used: {reasons}")
    joined = join(stores)
    if joined.skipped and invalid_images == "stop":
        raise VisionfwError(_report(joined))
    return joined


def _report(store: Store) -> str:
    """Name the files that cannot be used, a line each."""
    lines = [f"{path}: {reason}" for path, reason in store.skipped[:_MAX_SHOWN]]
    lines += [f"... and {len(store.skipped) - _MAX_SHOWN} more"] if len(store.skipped) > _MAX_SHOWN else []
    count = len(set(store.paths)) + len(store.skipped)
    return "\n".join([*lines, f"{len(store.skipped)} of {count} images cannot be used; --invalid_images=skip goes on without them"])


def store_folder(images: ImageSet, degradation: Degradation, folder: Path, min_side: int = 0) -> Path:
    """Return where the store of a set lies in the cache.

    Its name holds a hash of all that the pixels depend on: the files with their sizes and times, the degradation, and the versions of
    the code that reads and degrades images.
    """
    seed = 0 if degradation.is_bicubic and not min_side else degradation.seed
    versions = f"format {FORMAT}, reader {files.READER_VERSION}, {degradation.spec.version}"
    digest = hashlib.sha256(f"{versions}; {degradation} x{degradation.scale} seed {seed}; {min_side} {images.rescale}".encode())
    for hr, lr in images.pairs(degradation):
        for path in (hr, lr):
            digest.update(f"\n{_identity(path)}".encode("utf-8", "surrogateescape"))
    name = folder_name("_".join(Path(images.name).parts[-2:]), 60)
    return folder / f"{name}_x{degradation.scale}-{digest.hexdigest()[:16]}"


def _identity(path: Path | None) -> str:
    """Return what identifies a file and its content: the path, size, time, and whether it may be read."""
    if path is None:
        return "-"
    try:
        status = path.stat()
    except OSError:
        return f"{path} missing"
    return f"{path.absolute()} {status.st_size} {status.st_mtime_ns} {os.access(path, os.R_OK)}"


def _partial(store: Path) -> Path:
    return store.with_name(f"{store.name}.partial")


def _lock(store: Path) -> Path:
    return store.with_name(f".{store.name}.lock")


def _open_set(images: ImageSet, options: DecodeOptions, folder: Path, progress: ProgressCallback | None, log: Log) -> Store:
    final = store_folder(images, options.degradation, folder, options.min_side)
    store = _open_if_whole(final)
    if store is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with locked(_lock(final), lambda: log(f"another process is decoding {images.name}; waiting for it")):
                store = _open_or_remove(final, log)
                if store is None:
                    fill(images, options, _partial(final), progress)
                    _partial(final).rename(final)
                    store = open_store(final)
        except OSError as error:
            raise VisionfwError(f"cache {folder}: {error.strerror or error}; --cache_dir or $VISIONFW_CACHE names another folder") from error
    return store


def _open_if_whole(final: Path) -> Store | None:
    """Open a store; None where it is missing or damaged."""
    try:
        return open_store(final) if final.exists() else None
    except VisionfwError:
        return None


def _open_or_remove(final: Path, log: Log) -> Store | None:
    """Open a store; where it is damaged, report and remove it, and return None."""
    try:
        return open_store(final) if final.exists() else None
    except VisionfwError as error:
        log(f"{error}; it is decoded anew")
        shutil.rmtree(final) if final.is_dir() else final.unlink()
        return None
