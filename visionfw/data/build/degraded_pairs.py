"""Degraded images as files: HR/ beside LR_bicubic/X4/ (or LR_degraded/X4/), ready to be named as a data set anywhere."""

from __future__ import annotations

import hashlib
import os
from collections import Counter as Multiset
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from visionfw.data.datasets.image_set import NOTE, ImageSet
from visionfw.data.pairs import crop_to_multiple
from visionfw.errors import RequestError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import ImageError, read_image, write_image
from visionfw.io.files import read_json, write_json
from visionfw.io.progress import ProgressCallback

_SOURCE = "source.json"  # beside HR/


def write_degraded(sets: Sequence[ImageSet], how: Degradation, out: Path, progress: ProgressCallback | None = None) -> tuple[int, list[str]]:
    """Write every image and its degraded image as PNG files; those that are there are kept, and other scales may stand beside.

    Args:
        sets: the images.
        how: the degradation.
        out: folder; made if it is not there.
        progress: called with (images done, images in all).

    Returns:
        How many pairs there are, and a line for each image that could not be used.

    Raises:
        RequestError: the folder holds other images, or images that were degraded in another way, or two images have one name.
        VisionfwError: the disk refuses.
    """
    paths = [path for images in sets for path in images.hr]
    twice = [name for name, count in Multiset(path.stem for path in paths).items() if count > 1]
    if twice:
        raise RequestError(f"two images are called {twice[0]!r}; degrade the sets into folders of their own")
    hr_folder, lr_folder = out / "HR", out / ("LR_bicubic" if how.is_bicubic else "LR_degraded") / f"X{how.scale}"
    files = "\n".join(f"{path} {_stamp(path)}" for path in paths)
    source = {"images": hashlib.sha256(files.encode("utf-8", "surrogateescape")).hexdigest()}
    _agree(out / _SOURCE, source, "holds other images")
    _agree(lr_folder / NOTE, {"degradation": str(how), "scale": how.scale, "seed": how.seed}, "holds images made in another way")
    hr_folder.mkdir(parents=True, exist_ok=True)
    left_out = []
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        try:
            for done, reason in enumerate(workers.map(lambda path: _write_pair(path, hr_folder, lr_folder, how), paths), 1):
                left_out += [reason] if reason else []
                if progress:
                    progress(done, len(paths))
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise
    return len(paths) - len(left_out), left_out


def _stamp(path: Path) -> str:
    """Return size and time of a file, by which another one is told from it."""
    try:
        found = path.stat()
    except OSError:
        return "missing"
    return f"{found.st_size} {found.st_mtime_ns}"


def _agree(note: Path, record: dict, otherwise: str) -> None:
    """Write a note into a folder, or refuse a folder whose note says something else, or that has none and is not empty."""
    folder = note.parent
    if note.is_file():
        found = read_json(note)
        if found != record:
            was = f" ({found['degradation']}, seed {found.get('seed')})" if "degradation" in found else ""
            raise RequestError(f"--out: {folder} {otherwise}{was}; name another folder, or remove it")
        return
    if folder.exists() and any(folder.iterdir()):
        raise RequestError(f"--out: {folder} {otherwise}; name another folder, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(note, record)


def _write_pair(path: Path, hr_folder: Path, lr_folder: Path, how: Degradation) -> str:
    """Write one image and its degraded image; return why it could not be used, or ''."""
    hr_file, lr_file = hr_folder / f"{path.stem}.png", lr_folder / f"{path.stem}x{how.scale}.png"
    if hr_file.exists() and lr_file.exists():
        return ""
    try:
        whole = read_image(path)
        hr = crop_to_multiple(whole, how.scale)
        if not hr.size:
            return f"{path}: too small to be shrunk by {how.scale}"
        lr = how.apply(hr, path.name)
    except ImageError as error:
        return str(error)
    if not hr_file.exists():
        write_image(hr_file, whole)
    write_image(lr_file, lr)
    return ""
