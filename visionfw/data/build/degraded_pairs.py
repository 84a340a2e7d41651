"""Degraded images as files: HR/ beside LR_bicubic/X4/ (or LR_degraded/X4/), ready to be named as an image set anywhere."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visionfw.data.datasets.image_set import NOTE, ImageSet
from visionfw.data.pairs import crop_to_multiple, make_lr
from visionfw.data.threads import map_in_threads
from visionfw.errors import RequestError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import ImageError, read_image, write_image
from visionfw.io.files import read_json, write_json
from visionfw.io.progress import ProgressCallback

_SOURCE = "source.json"  # beside HR/: a hash of the images that the pairs were made of


def write_pairs(sets: Sequence[ImageSet], degradation: Degradation, out: Path, progress: ProgressCallback | None = None) -> tuple[int, list[str]]:
    """Write every image and its degraded image as PNG files. Files that are there are kept, and other scales may stand beside.

    Args:
        sets: the images.
        degradation: how LR images are made.
        out: folder; made where it is not there.
        progress: called with (images done, images in all).

    Returns:
        How many pairs there are, and a line for each image that was skipped.

    Raises:
        RequestError: the folder holds other images, or images that were degraded in another way, or two images have one name.
        VisionfwError: the disk refuses.
    """
    paths = [path for images in sets for path in images.hr]
    repeated = [name for name, count in Counter(path.stem for path in paths).items() if count > 1]
    if repeated:
        raise RequestError(f"two images are called {repeated[0]!r}; degrade the sets into folders of their own")
    hr_folder = out / "HR"
    lr_folder = out / ("LR_bicubic" if degradation.is_bicubic else "LR_degraded") / f"X{degradation.scale}"
    _claim(out / _SOURCE, {"images": _fingerprint(paths)}, "holds other images")
    _claim(lr_folder / NOTE, {"degradation": str(degradation), "scale": degradation.scale, "seed": degradation.seed}, "holds images made in another way")
    hr_folder.mkdir(parents=True, exist_ok=True)
    reasons = map_in_threads(lambda path: _write_pair(path, hr_folder, lr_folder, degradation), paths, progress)
    skipped = [reason for reason in reasons if reason]
    return len(paths) - len(skipped), skipped


def _fingerprint(paths: Sequence[Path]) -> str:
    """Return a hash of files' names, sizes and times."""
    files = "\n".join(f"{path} {_stamp(path)}" for path in paths)
    return hashlib.sha256(files.encode("utf-8", "surrogateescape")).hexdigest()


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _claim(note: Path, record: dict[str, Any], refusal: str) -> None:
    """Write a note into a folder. Refuse a folder whose note differs, or that has none and is not empty."""
    folder = note.parent
    if note.is_file():
        earlier = read_json(note)
        if earlier != record:
            details = f" ({earlier['degradation']}, seed {earlier.get('seed')})" if "degradation" in earlier else ""
            raise RequestError(f"--out: {folder} {refusal}{details}; name another folder, or remove it")
        return
    if folder.exists() and any(folder.iterdir()):
        raise RequestError(f"--out: {folder} {refusal}; name another folder, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(note, record)


def _write_pair(path: Path, hr_folder: Path, lr_folder: Path, degradation: Degradation) -> str:
    """Write one image and its degraded image; return why it was skipped, or ''."""
    hr_file, lr_file = hr_folder / f"{path.stem}.png", lr_folder / f"{path.stem}x{degradation.scale}.png"
    if hr_file.exists() and lr_file.exists():
        return ""
    try:
        whole = read_image(path)
        hr = crop_to_multiple(whole, degradation.scale)
        if not hr.size:
            return f"{path}: too small to be shrunk by {degradation.scale}"
        lr = make_lr(hr, path, degradation)
    except ImageError as error:
        return str(error)
    if not hr_file.exists():
        write_image(hr_file, whole)
    write_image(lr_file, lr)
    return ""
