"""Degraded images as files: HR/ beside LR_bicubic/X4/ (or LR_degraded/X4/), ready to be named as a data set anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from visionfw.data.datasets import ImageSet
from visionfw.data.pairs import read_pair
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.imaging.degrade import Degradation
from visionfw.imaging.files import ImageError, write_image
from visionfw.runs import write_json

NOTE = "degradation.json"
Counter = Callable[[int, int], None]


def write_degraded(sets: Sequence[ImageSet], how: Degradation, out: Path, progress: Counter | None = None) -> tuple[int, list[str]]:
    """Write every image, cropped to a multiple of the scale, and its degraded image as PNG files; those that are there are kept.

    Args:
        sets: the images.
        how: the degradation.
        out: folder; made if it is not there.
        progress: called with (images done, images in all).

    Returns:
        How many pairs there are, and a line for each image that could not be used.

    Raises:
        RequestError: the folder holds images that were degraded in another way, or two images have one name.
        VisionfwError: the disk refuses.
    """
    record = {"degradation": how.text(), "scale": how.scale, "seed": how.seed}
    names = [path.stem for images in sets for path in images.hr]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise RequestError(f"two images are called {twice!r}; degrade the sets into folders of their own")
    hr_folder, lr_folder = out / "HR", out / ("LR_bicubic" if how.is_bicubic else "LR_degraded") / f"X{how.scale}"
    note = lr_folder / NOTE
    if lr_folder.exists():
        _refuse_other(note, record)
    for folder in (hr_folder, lr_folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(note, record)
    made, left_out = 0, []
    for done, path in enumerate((path for images in sets for path in images.hr), 1):
        files = hr_folder / f"{path.stem}.png", lr_folder / f"{path.stem}x{how.scale}.png"
        try:
            if not all(file.exists() for file in files):
                _write_pair(path, files, how)
            made += 1
        except ImageError as error:
            left_out.append(f"{path}: {error.reason}")
        if progress:
            progress(done, len(names))
    return made, left_out


def degradation_of(folder: Path) -> str:
    """Return how the LR images of a folder were made, where `write_degraded` made them in another way than by bicubic; else ''."""
    note = folder / NOTE
    try:
        text = json.loads(note.read_text(encoding="utf-8"))["degradation"] if note.is_file() else ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VisionfwError(f"{note}: cannot be read: {brief(error)}") from error
    return "" if text == "bicubic" else str(text)


def _write_pair(path: Path, files: tuple[Path, Path], how: Degradation) -> None:
    lr, hr = read_pair(path, None, how)
    if not lr.size:
        raise ImageError(path, f"too small to be shrunk by {how.scale}")
    write_image(files[0], hr)
    write_image(files[1], lr)


def _refuse_other(note: Path, record: dict) -> None:
    found = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else None
    if found != record:
        was = found["degradation"] if found else "something else"
        raise RequestError(f"--out: {note.parent} holds images made by {was!r}; name another folder, or remove it")
