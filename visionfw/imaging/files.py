"""Image files to and from uint8 arrays, and the facts in a file's header."""

from __future__ import annotations

import errno
import io
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from visionfw.errors import VisionfwError, brief
from visionfw.imaging.sixteen_bits import is_planar_tiff, read_channels, rotate
from visionfw.io.files import atomic_path

#: Version of `read_image`. Raise it when it gives other pixels for the same file: caches of decoded images are keyed by it.
READER_VERSION = 1

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

#: More than this is taken for a decompression bomb: a small file that fills the memory.
MAX_PIXELS = 178_956_970

#: Pixels a side that a format holds, by Pillow's name of it (libjpeg's JPEG_MAX_DIMENSION, WEBP_MAX_DIMENSION).
MAX_SIDES = {"JPEG": 65500, "WEBP": 16383}

_ORIENTATION = 0x0112  # EXIF
_BITS_PER_SAMPLE = 258  # TIFF
#: Errors that do not come from the file: it may be readable the next time.
_TRANSIENT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.EINTR}


class ImageError(VisionfwError):
    """An image file could not be read or written; the message names it.

    Attributes:
        reason: the message without the file's name.
    """

    def __init__(self, path: str | Path, reason: str):
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """The facts about an image that its file holds outside the pixels.

    Attributes:
        height, width: of the upright image, after the EXIF orientation is applied.
        mode: Pillow's mode: 'RGB', 'L', 'P', 'CMYK' ...
        bits: of a channel, 1, 8, 16 or 32.
        has_alpha: it has transparency.
        frames: images in the file.
        is_rotated: the EXIF orientation rotates or flips it.
    """

    height: int
    width: int
    mode: str
    bits: int
    has_alpha: bool
    frames: int
    is_rotated: bool

    def format_notes(self) -> list[str]:
        """Return how the image differs from an upright RGB image of 8 bits, in words."""
        kinds = {"L": "gray", "LA": "gray", "La": "gray", "1": "black and white", "P": "palette", "PA": "palette", "CMYK": "CMYK"}
        kind = "gray" if self.mode.startswith(("I", "F")) else kinds.get(self.mode, "" if self.mode.startswith("RGB") else self.mode)
        notes = [
            kind,
            "alpha" if self.has_alpha else "",
            f"{self.bits} bits" if self.bits > 8 else "",
            f"{self.frames} frames, of which the first is used" if self.frames > 1 else "",
            "EXIF orientation" if self.is_rotated else "",
        ]
        return [note for note in notes if note]


@contextmanager
def decoding(path: str | Path) -> Iterator[None]:
    """Turn whatever image libraries raise inside a `with` block into an ImageError. Only calls of such libraries belong into the block.

    Raises:
        ImageError: the file is missing, may not be read, is no image, truncated, damaged, or too large to be decoded safely.
        VisionfwError: the memory or the system's file handles are used up, which is not the file's fault.
    """
    try:
        yield
    except VisionfwError:
        raise
    except FileNotFoundError as error:
        raise ImageError(path, "a link to nothing" if Path(path).is_symlink() else "no such file") from error
    except PermissionError as error:
        raise ImageError(path, "may not be read (permission denied)") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(path, _too_large("")) from error
    except MemoryError as error:
        raise VisionfwError(f"{path}: there is not enough memory to read it") from error
    except UnidentifiedImageError as error:
        raise ImageError(path, "is empty" if not Path(path).stat().st_size else "not an image that can be read") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        if isinstance(error, OSError) and error.errno in _TRANSIENT:
            raise VisionfwError(f"{path}: {error.strerror}") from error
        raise ImageError(path, f"cannot be read: {brief(error)}") from error


def _too_large(size: str) -> str:
    return f"{size}too large to be decoded safely (the limit is {MAX_PIXELS / 1e6:.0f} million pixels)"


@contextmanager
def open_file(path: str | Path) -> Iterator[Image.Image]:
    """Open an image file with Pillow for the length of a `with` block. What is raised inside the block passes through as it is.

    Raises:
        ImageError: the file is missing, may not be read, is no image, or too large to be decoded safely.
    """
    with decoding(path):
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would be waited for without end
            raise ImageError(path, "not a file")
        opened = Image.open(path)
    with opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise ImageError(path, _too_large(f"{opened.width} x {opened.height} pixels: "))
        yield opened


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as RGB, its EXIF orientation applied.

    Args:
        path: PNG, JPEG, BMP, TIFF or WebP of any mode. Gray becomes R = G = B, transparency is dropped, of several frames the first
            is used, 16 bits become 8 (gray is rounded, of colors the upper 8 are kept).

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: the file is missing, no image, truncated or too large to be decoded safely.
    """
    with open_file(path) as opened, decoding(path):
        if bits_of(opened) == 16 and is_planar_tiff(opened):
            return (rotate(read_channels(path, opened), orientation_of(opened))[..., :3] >> 8).astype(np.uint8)
        return as_rgb(ImageOps.exif_transpose(opened))


def as_rgb(image: Image.Image) -> np.ndarray:
    """Return a Pillow image of any mode as (height, width, 3) uint8. Raises ValueError for floating-point and 32-bit images."""
    if image.mode.startswith(("I", "F")):
        return np.repeat(np.round(gray_levels(image) / 257.0).astype(np.uint8)[..., None], 3, axis=2)
    return np.array(image.convert("RGBA").convert("RGB") if image.mode in ("P", "PA") else image.convert("RGB"))


def gray_levels(image: Image.Image) -> np.ndarray:
    """Return a 16-bit gray Pillow image as (height, width) uint16. Raises ValueError where its values are no 16-bit levels."""
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError("its values are not levels of 8 or 16 bits")
    return values.astype(np.uint16)


def read_header(path: str | Path) -> Header:
    """Read a file's header, without decoding the image. Raises ImageError."""
    with open_file(path) as opened, decoding(path):
        return header_of(opened)


def header_of(opened: Image.Image) -> Header:
    """Return the header of a file that is open and not decoded yet."""
    orientation = orientation_of(opened)
    is_sideways = orientation in (5, 6, 7, 8) and opened.format != "TIFF"  # Pillow gives a TIFF's size after its orientation
    height, width = (opened.width, opened.height) if is_sideways else (opened.height, opened.width)
    has_alpha = opened.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in opened.info
    return Header(height, width, opened.mode, bits_of(opened), has_alpha, frames_of(opened), orientation in range(2, 9))


def frames_of(opened: Image.Image) -> int:
    """Return how many images a file holds; 1 where the later ones are damaged."""
    try:
        return getattr(opened, "n_frames", 1)
    except Exception:  # a damaged file makes Pillow raise nearly anything; the first image may be whole
        return 1


def orientation_of(opened: Image.Image) -> int:
    """Return the EXIF orientation, 1 for upright. In a PNG it is found only before the pixels: Pillow would decode all of them to search further."""
    if opened.format != "PNG":
        return opened.getexif().get(_ORIENTATION, 1)
    exif = Image.Exif()
    exif.load(opened.info.get("exif", b""))
    return exif.get(_ORIENTATION, 1)


def bits_of(opened: Image.Image) -> int:
    """Return the bits of a channel in a file that is not decoded yet, which Pillow's mode does not give for colors of 16 bits."""
    tiles = getattr(opened, "tile", None)
    layout = str(tiles[0].args) if tiles else ""
    tiff_bits = opened.tag_v2.get(_BITS_PER_SAMPLE, ()) if isinstance(opened, TiffImagePlugin.TiffImageFile) else ()
    if opened.mode.startswith("I;16") or ";16" in layout or 16 in tiff_bits:
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(opened.mode, 8)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (height, width) as `read_image` would give them, from the file's header alone. Raises ImageError."""
    header = read_header(path)
    return header.height, header.width


def format_of(path: str | Path) -> str | None:
    """Return Pillow's name of the format that a file name's suffix stands for; None where it knows none."""
    return Image.registered_extensions().get(Path(path).suffix.lower())


def max_side(path: str | Path) -> int | None:
    """Return how many pixels a side the format of a file name holds; None where there is no limit that matters."""
    return MAX_SIDES.get(format_of(path) or "")


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a uint8 RGB or gray image, whole or not at all; the suffix gives the format. Raises ImageError."""
    encode_whole(path, lambda kind, file: Image.fromarray(image).save(file, kind))


def encode_whole(path: str | Path, encode: Callable[[str, IO[bytes]], object]) -> None:
    """Write an image file whole or not at all.

    Args:
        path: its suffix gives the format.
        encode: called with Pillow's name of the format and a file to write into.

    Raises:
        ImageError: no format has this suffix, it cannot hold the image, or the disk refuses.
    """
    path = Path(path)
    kind = format_of(path)
    if kind is None:
        raise ImageError(path, f"cannot be written: no image format ends in {path.suffix!r}")
    file = io.BytesIO()
    try:
        encode(kind, file)
        with atomic_path(path) as temporary:
            temporary.write_bytes(file.getvalue())
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(path, f"cannot be written: {brief(error)}") from error
