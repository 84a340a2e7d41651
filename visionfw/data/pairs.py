"""One HR image and its LR image, from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visionfw.errors import VisionfwError
from visionfw.imaging.degrade import Degradation
from visionfw.imaging.files import ImageError, read_image


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """Cut off what is over a multiple of the scale, at the right and the bottom."""
    height, width = (side // scale * scale for side in image.shape[:2])
    return image[:height, :width]


def read_pair(hr_path: Path, lr_path: Path | None, degradation: Degradation) -> tuple[np.ndarray, np.ndarray]:
    """Read an HR image, cropped to a multiple of the scale, and its LR image.

    Args:
        hr_path: the HR file.
        lr_path: the LR file; None where the degradation makes it.
        degradation: how LR images are made, and the scale.

    Returns:
        lr, hr: (height, width, 3) uint8; empty where the image is smaller than one LR pixel.

    Raises:
        ImageError: a file cannot be read, or the LR file has another size than HR / scale.
    """
    scale = degradation.scale
    hr = crop_to_multiple(read_image(hr_path), scale)
    height, width = (side // scale for side in hr.shape[:2])
    if not height or not width:
        return np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0, 3), np.uint8)
    if lr_path is None:
        return degradation.apply(hr, hr_path.name), hr
    try:
        lr = read_image(lr_path)
    except ImageError as error:
        raise ImageError(hr_path, f"its LR image {lr_path}: {error.reason}") from error
    if lr.shape[:2] != (height, width):
        raise ImageError(hr_path, f"its LR image {lr_path} has {lr.shape[1]} x {lr.shape[0]} pixels; for scale {scale} it must have {width} x {height}")
    return lr, hr


def read_whole_pair(hr_path: Path, lr_path: Path | None, degradation: Degradation) -> tuple[np.ndarray, np.ndarray]:
    """Read a pair as `read_pair`, and refuse an image that is too small to be shrunk. Raises VisionfwError."""
    lr, hr = read_pair(hr_path, lr_path, degradation)
    if not lr.size:
        raise VisionfwError(f"{hr_path}: too small to be shrunk by {degradation.scale}")
    return lr, hr
