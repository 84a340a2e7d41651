"""Image files <-> uint8 arrays, and what a file's header says."""

from __future__ import annotations

import errno
import io
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from visionfw.errors import VisionfwError, brief
from visionfw.io.files import atomic_path

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

#: More than this is taken for a decompression bomb: a small file that fills the memory.
MOST_PIXELS = 178_956_970

warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `open_file` refuses what is too large, at its own limit

_ORIENTATION = 0x0112  # EXIF
#: What says nothing about the file: the next time it may be read.
_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.EINTR}


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
    """What a file says of its image without being decoded.

    Attributes:
        height, width: of the image as it is seen, after the EXIF orientation.
        mode: Pillow's mode: 'RGB', 'L', 'P', 'CMYK' ...
        bits: of a channel, 1, 8, 16 or 32.
        alpha: it has transparency.
        frames: images in the file.
        turned: the EXIF orientation turns or mirrors it.
    """

    height: int
    width: int
    mode: str
    bits: int
    alpha: bool
    frames: int
    turned: bool

    def oddities(self) -> list[str]:
        """Return what sets the image apart from an upright RGB image of 8 bits, in words."""
        kinds = {"L": "gray", "LA": "gray", "La": "gray", "1": "black and white", "P": "palette", "PA": "palette", "CMYK": "CMYK"}
        kind = "gray" if self.mode.startswith(("I", "F")) else kinds.get(self.mode, "" if self.mode.startswith("RGB") else self.mode)
        frames = f"{self.frames} frames, of which the first counts" if self.frames > 1 else ""
        words = [kind, "alpha" if self.alpha else "", f"{self.bits} bits" if self.bits > 8 else "", frames, "turned by EXIF" if self.turned else ""]
        return [word for word in words if word]


@contextmanager
def open_file(path: str | Path) -> Iterator[Image.Image]:
    """Open an image file with Pillow for the length of a `with` block; whatever goes wrong in it becomes an ImageError.

    Raises:
        ImageError: the file is missing, may not be read, is no image, truncated, damaged, or too large to be decoded safely.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would be waited for without end
            raise ImageError(path, "not a file")
        with Image.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ImageError(path, _too_large(f"{opened.width} x {opened.height} pixels: "))
            yield opened
    except ImageError:
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
    except OSError as error:
        if error.errno in _PASSING:
            raise VisionfwError(f"{path}: {error.strerror}") from error
        raise ImageError(path, f"cannot be read: {brief(error)}") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise ImageError(path, f"cannot be read: {brief(error)}") from error


def _too_large(size: str) -> str:
    return f"{size}too large to be decoded safely (the most is {MOST_PIXELS / 1e6:.0f} million pixels)"


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as RGB, its EXIF orientation applied.

    Args:
        path: PNG, JPEG, BMP, TIFF or WebP of any mode; gray becomes R = G = B, transparency is dropped, of several frames the
            first counts, 16 bits become 8 (gray ones rounded, of colors Pillow keeps the upper 8).

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: the file is missing, no image, truncated or too large to be decoded safely.
    """
    with open_file(path) as opened:
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
    """Read what a file says of its image, without decoding it. Raises ImageError."""
    with open_file(path) as opened:
        return header_of(opened)


def header_of(opened: Image.Image) -> Header:
    """Return the header of a file that is open and not decoded yet."""
    bits, turn = bits_of(opened), orientation_of(opened)
    sideways = turn in (5, 6, 7, 8) and opened.format != "TIFF"  # Pillow tells a TIFF's size as it is seen
    height, width = (opened.width, opened.height) if sideways else (opened.height, opened.width)
    alpha = opened.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in opened.info
    return Header(height, width, opened.mode, bits, alpha, frames_of(opened), turn in range(2, 9))


def frames_of(opened: Image.Image) -> int:
    """Return how many images a file holds; 1 where the later ones are damaged."""
    try:
        return getattr(opened, "n_frames", 1)
    except Exception:  # a damaged file makes Pillow raise nearly anything; the first image may be whole
        return 1


def orientation_of(opened: Image.Image) -> int:
    """Return the EXIF orientation. Pillow would decode a whole PNG to look for one behind the pixels; only one before them is looked for."""
    if opened.format != "PNG":
        return opened.getexif().get(_ORIENTATION, 1)
    exif = Image.Exif()
    exif.load(opened.info.get("exif", b""))
    return exif.get(_ORIENTATION, 1)


def bits_of(opened: Image.Image) -> int:
    """Return the bits of a channel in a file that is not decoded yet; Pillow's mode does not tell them for colors of 16 bits."""
    raw = str(opened.tile[0].args) if opened.tile else ""
    if opened.mode.startswith("I;16") or ";16" in raw:
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(opened.mode, 8)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return (height, width) as `read_image` would give them, from the file's header alone. Raises ImageError."""
    header = read_header(path)
    return header.height, header.width


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a uint8 RGB or gray image, whole or not at all; the suffix says the format. Raises ImageError."""
    encode_whole(path, lambda kind, file: Image.fromarray(image).save(file, kind))


def encode_whole(path: str | Path, encode: Callable[[str, IO[bytes]], object]) -> None:
    """Write an image file whole or not at all.

    Args:
        path: its suffix says the format.
        encode: called with Pillow's name of the format and a file to write into.

    Raises:
        ImageError: no format ends like this, it cannot hold the image, or the disk refuses.
    """
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None:
        raise ImageError(path, f"cannot be written: no image format ends in {path.suffix!r}")
    file = io.BytesIO()
    try:
        encode(kind, file)
        with atomic_path(path) as temporary:
            temporary.write_bytes(file.getvalue())
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(path, f"cannot be written: {brief(error)}") from error
