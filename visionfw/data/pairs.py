"""One HR image and its LR image, from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visionfw.errors import VisionfwError, brief
from visionfw.imaging.degradations.pipeline import Degradation, name_seed
from visionfw.imaging.files import ImageError, read_image
from visionfw.imaging.resize import imresize, resized_side

#: Standard deviation of the noise around padded images, in gray levels.
NOISE_SIGMA = 64.0
_MIDDLE_GRAY = 127.5


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """Cut off what exceeds a multiple of the scale, at the right and the bottom."""
    height, width = (side // scale * scale for side in image.shape[:2])
    return image[:height, :width]


def pad_with_noise(image: np.ndarray, size: tuple[int, int], sigma: float, random: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """Put an image into the middle of a larger one of Gaussian RGB noise.

    Args:
        image: (height, width, 3) uint8.
        size: height and width of the padded image.
        sigma: standard deviation of the noise around middle gray, in gray levels.
        random: the source of the noise.

    Returns:
        The padded image, uint8; the row and the column at which the image begins.
    """
    padded = np.clip(random.normal(_MIDDLE_GRAY, sigma, (*size, 3)).round(), 0, 255).astype(np.uint8)
    top, left = (size[0] - image.shape[0]) // 2, (size[1] - image.shape[1]) // 2
    padded[top : top + image.shape[0], left : left + image.shape[1]] = image
    return padded, top, left


def size_of_hr(size: tuple[int, int], min_side: int, rescale: float) -> tuple[int, int]:
    """Return the (height, width) that `read_pair` brings an image of a size to, before it crops."""
    height, width = (max(resized_side(side, rescale), min_side) for side in size)
    return height, width


def read_pair(hr_path: Path, lr_path: Path | None, degradation: Degradation, min_side: int = 0, rescale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Read an HR image, cropped to a multiple of the scale, and its LR image.

    Args:
        hr_path: the HR file.
        lr_path: the LR file; None where the degradation makes it.
        degradation: how LR images are made, and the scale.
        min_side: an image with a shorter side than this is padded with noise up to it, and its LR image is made anew.
        rescale: what the HR image's size is multiplied with first; other than 1 for an image without an LR file.

    Returns:
        lr, hr: (height, width, 3) uint8; empty where the image is smaller than one LR pixel.

    Raises:
        ImageError: a file cannot be read, or the LR file has another size than HR / scale.
    """
    hr = read_image(hr_path) if rescale == 1 else imresize(read_image(hr_path), rescale)
    if min(hr.shape[:2]) < min_side:
        random = np.random.default_rng([degradation.seed, name_seed(hr_path.name), min_side])
        hr, lr_path = pad_with_noise(hr, size_of_hr(hr.shape[:2], min_side, 1), NOISE_SIGMA, random)[0], None
    hr = crop_to_multiple(hr, degradation.scale)
    if not hr.size:
        return np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0, 3), np.uint8)
    lr = make_lr(hr, hr_path, degradation) if lr_path is None else _read_lr(lr_path, hr, hr_path, degradation.scale)
    return lr, hr


def make_lr(hr: np.ndarray, hr_path: Path, degradation: Degradation) -> np.ndarray:
    """Make the LR image of a file's HR image, cropped to a multiple of the scale. Raises ImageError where a step cannot hold it."""
    try:
        return degradation.apply(hr, hr_path.name)
    except (OSError, ValueError) as error:  # a JPEG, for one, has at most 65500 pixels a side
        raise ImageError(hr_path, f"cannot be degraded by {degradation}: {brief(error)}") from error


def _read_lr(lr_path: Path, hr: np.ndarray, hr_path: Path, scale: int) -> np.ndarray:
    try:
        lr = read_image(lr_path)
    except ImageError as error:
        raise ImageError(hr_path, f"its LR image {lr_path}: {error.reason}") from error
    height, width = (side // scale for side in hr.shape[:2])
    if lr.shape[:2] != (height, width):
        raise ImageError(hr_path, f"its LR image {lr_path} has {lr.shape[1]} x {lr.shape[0]} pixels; for scale {scale} it must have {width} x {height}")
    return lr


def read_whole_pair(hr_path: Path, lr_path: Path | None, degradation: Degradation) -> tuple[np.ndarray, np.ndarray]:
    """Read a pair as `read_pair`, and refuse an image that is too small to be shrunk. Raises VisionfwError."""
    lr, hr = read_pair(hr_path, lr_path, degradation)
    if not lr.size:
        raise VisionfwError(f"{hr_path}: too small to be shrunk by {degradation.scale}")
    return lr, hr
