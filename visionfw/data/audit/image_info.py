"""What one image of a set is, and what is wrong with it or its LR image."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from visionfw.data.audit.lr_kernel import identify_filter
from visionfw.data.audit.near_duplicates import signature
from visionfw.data.datasets import read_note
from visionfw.data.pairs import crop_to_multiple
from visionfw.imaging.files import ImageError, read_header, read_image

Problem = tuple[str, str]


@dataclass
class ImageInfo:
    """What one image is.

    Attributes:
        path: the HR file.
        size: height and width.
        format_notes: how the file differs from an upright RGB file of 8 bits.
        digest: a hash of the pixels; '' where the file cannot be read.
        signature: what the picture is recognized by; None where the file cannot be read.
        problems: of the image and its LR image, each as (kind of finding, text).
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    format_notes: tuple[str, ...] = ()
    digest: str = ""
    signature: np.ndarray | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_readable(self) -> bool:
        """The HR file can be decoded."""
        return bool(self.digest)


def inspect(hr_path: Path, lr_path: Path | None, scale: int) -> ImageInfo:
    """Read one image and its LR image, and find out what is wrong with them by themselves."""
    info = ImageInfo(hr_path)
    try:
        header, hr = read_header(hr_path), read_image(hr_path)
    except ImageError as error:
        info.problems.append(("unreadable", error.reason))
        return info
    info.size, info.format_notes = hr.shape[:2], tuple(header.format_notes())
    info.digest = hashlib.blake2b(hr.tobytes() + str(hr.shape).encode(), digest_size=16).hexdigest()
    info.signature = signature(hr)
    if lr_path is not None:
        info.problems += _problems_of_lr(crop_to_multiple(hr, scale), lr_path, scale)
    return info


def _problems_of_lr(hr: np.ndarray, lr_path: Path, scale: int) -> list[Problem]:
    if not os.path.lexists(lr_path):
        return [("unpaired", f"no LR image {lr_path.name} in {lr_path.parent}")]
    try:
        lr = read_image(lr_path)
    except ImageError as error:
        return [("unreadable", f"its LR image {lr_path}: {error.reason}")]
    height, width = (side // scale for side in hr.shape[:2])
    if lr.shape[:2] != (height, width):
        ratio = hr.shape[1] / lr.shape[1]
        guess = f"it seems to be of scale {ratio:.2g}" if abs(ratio - scale) > 0.1 * scale else "the HR image may have been cropped in another way"
        return [("wrong size of LR", f"{lr_path.name} has {lr.shape[1]} x {lr.shape[0]} pixels, for scale {scale} it must have {width} x {height}; {guess}")]
    name = identify_filter(lr, hr, scale) if hr.size and not other_degradation(lr_path.parent) else ""
    stored = "; it is stored as JPEG, which loses detail" if lr_path.suffix.lower() in (".jpg", ".jpeg") else ""
    return [("not MATLAB's bicubic", f"{lr_path.name} seems to be {name}{stored}")] if name else []


def other_degradation(folder: Path) -> str:
    """Return the degradation that LR images were made with, where their note says that it was not bicubic; else ''."""
    note = read_note(folder)
    return note[0] if note and note[0] != "bicubic" else ""
