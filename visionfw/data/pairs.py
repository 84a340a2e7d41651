"""One HR image and its LR image, from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visionfw.errors import VisionfwError, brief
from visionfw.imaging.degradations.pipeline import Degradation, name_seed
from visionfw.imaging.files import ImageError, read_image
from visionfw.imaging.resize import imresize, resized_side

#: Of the noise around images that are framed, in gray levels.
NOISE_SIGMA = 64.0
_MIDDLE_GRAY = 127.5


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """Cut off what is over a multiple of the scale, at the right and the bottom."""
    height, width = (side // scale * scale for side in image.shape[:2])
    return image[:height, :width]


def framed(piece: np.ndarray, size: tuple[int, int], sigma: float, random: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """Put an image into the middle of a larger one of Gaussian RGB noise.

    Args:
        piece: (height, width, 3) uint8.
        size: height and width of the whole.
        sigma: of the noise around middle gray, in gray levels.
        random: where the noise comes from.

    Returns:
        The whole, uint8; the row and the column at which the piece begins.
    """
    whole = np.clip(random.normal(_MIDDLE_GRAY, sigma, (*size, 3)).round(), 0, 255).astype(np.uint8)
    top, left = (size[0] - piece.shape[0]) // 2, (size[1] - piece.shape[1]) // 2
    whole[top : top + piece.shape[0], left : left + piece.shape[1]] = piece
    return whole, top, left


def size_of_hr(size: tuple[int, int], least: int, rescale: float) -> tuple[int, int]:
    """Return the height and width that `read_pair` makes of an image's before it crops."""
    height, width = (max(resized_side(side, rescale), least) for side in size)
    return height, width


def read_pair(hr_path: Path, lr_path: Path | None, degradation: Degradation, least: int = 0, rescale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Read an HR image, cropped to a multiple of the scale, and its LR image.

    Args:
        hr_path: the HR file.
        lr_path: the LR file; None where the degradation makes it.
        degradation: how LR images are made, and the scale.
        least: an image with a shorter side than this is framed with noise up to it, and its LR image is made anew.
        rescale: what the HR image's size is multiplied with first; other than 1 for an image without an LR file.

    Returns:
        lr, hr: (height, width, 3) uint8; empty where the image is smaller than one LR pixel.

    Raises:
        ImageError: a file cannot be read, or the LR file has another size than HR / scale.
    """
    scale = degradation.scale
    hr = read_image(hr_path) if rescale == 1 else imresize(read_image(hr_path), rescale)
    if min(hr.shape[:2]) < least:
        random = np.random.default_rng([degradation.seed, name_seed(hr_path.name), least])
        hr, lr_path = framed(hr, size_of_hr(hr.shape[:2], least, 1), NOISE_SIGMA, random)[0], None
    hr = crop_to_multiple(hr, scale)
    height, width = (side // scale for side in hr.shape[:2])
    if not height or not width:
        return np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0, 3), np.uint8)
    if lr_path is None:
        try:
            return degradation.apply(hr, hr_path.name), hr
        except (OSError, ValueError) as error:  # a JPEG, for one, has at most 65535 pixels a side
            raise ImageError(hr_path, f"cannot be degraded by {degradation}: {brief(error)}") from error
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
