"""Image files <-> uint8 arrays."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from visionfw.errors import VisionfwError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


class ImageError(VisionfwError):
    """An image file could not be read or written; the message names it."""


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as RGB, its EXIF orientation applied.

    Args:
        path: PNG, JPEG, BMP, TIFF or WebP of any mode; grey becomes R = G = B, transparency is dropped, 16 bits become 8.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: the file is missing, no image, truncated or too large to be opened safely.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                return _rgb(ImageOps.exif_transpose(opened))
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image that can be read") from error
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{path}: cannot be read: {error}") from error


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, np.float64)
        grey = grey / 257.0 if grey.max() > 255 else grey
        return np.repeat(np.clip(np.round(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return np.array(image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB"))


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (height, width) as `read_image` would give them, from the file's header alone. Raises ImageError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                width, height = opened.size
                turned = opened.getexif().get(0x0112, 1) >= 5
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: not an image that can be read") from error
    return (width, height) if turned else (height, width)


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a uint8 RGB or grey image; the suffix says the format. Raises ImageError."""
    try:
        Image.fromarray(image).save(path)
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(f"{path}: cannot be written: {error}") from error
