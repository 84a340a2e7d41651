"""Image files of any mode, read with alpha, bit depth and metadata, and written in the same mode."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from visionfw.imaging.files import Header, as_rgb, decoding, encode_whole, gray_levels, header_of, open_file, orientation_of
from visionfw.imaging.sixteen_bits import encode_png, encode_tiff, read_channels, rotate

#: Modes that a format cannot hold, and the mode that is written instead.
_SUBSTITUTES = {
    "PNG": {"CMYK": "RGB"},
    "BMP": {"CMYK": "RGB", "LA": "L", "RGBA": "RGB"},
    "JPEG": {"LA": "L", "RGBA": "RGB", "P": "RGB", "PA": "RGB", "1": "L"},
    "WEBP": {"CMYK": "RGB", "L": "RGB", "LA": "RGBA", "P": "RGB", "PA": "RGBA", "1": "RGB"},
}
_FORMATS_OF_16_BITS = ("PNG", "TIFF")


@dataclass(frozen=True)
class Picture:
    """An image with its alpha, mode and metadata.

    Attributes:
        pixels: (height, width) gray or (height, width, 3) RGB, uint8 or uint16; upright.
        alpha: (height, width) of the same dtype, or None.
        mode: Pillow's mode in the file: 'RGB', 'L', 'P', 'CMYK' ...; 'I;16' for 16-bit gray.
        frames: images in the file; the pixels are the first one's.
        exif, icc: metadata as in the file, but for the orientation, which has been applied; None where there are none.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    mode: str = "RGB"
    frames: int = 1
    exif: bytes | None = None
    icc: bytes | None = None

    def rgb(self) -> np.ndarray:
        """Return the pixels as (height, width, 3) uint8."""
        pixels = _as_uint8(self.pixels)
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def read_picture(path: str | Path, check: Callable[[Header], object] | None = None) -> Picture:
    """Read an image file with everything that `write_picture` needs to write one like it.

    Args:
        path: PNG, JPEG, BMP, TIFF or WebP of any mode.
        check: called with the file's header before anything is decoded; may raise ImageError to refuse the file.

    Raises:
        ImageError: the file is missing, no image, damaged, too large, or its values are floats or of 32 bits.
    """
    with open_file(path) as opened:
        with decoding(path):
            header, orientation = header_of(opened), orientation_of(opened)
        if check is not None:
            check(header)
        with decoding(path):
            return _decode(path, opened, header, orientation)


def _decode(path: str | Path, opened: Image.Image, header: Header, orientation: int) -> Picture:
    upright = ImageOps.exif_transpose(opened)
    exif = upright.getexif().tobytes() if upright.getexif() else None
    if header.bits == 16 and opened.mode in ("RGB", "RGBA", "LA"):
        pixels, alpha = _split_alpha(rotate(read_channels(path, opened), orientation))
    elif opened.mode.startswith(("I", "F")):
        pixels, alpha = gray_levels(upright), None
    else:
        pixels, alpha = _split_alpha(_uint8_channels(upright))
    mode = "LA" if header.bits == 16 and pixels.ndim == 2 and alpha is not None else _mode_to_write(opened.mode, alpha is not None)
    return Picture(pixels, alpha, mode, header.frames, exif, opened.info.get("icc_profile"))


def _mode_to_write(mode: str, has_alpha: bool) -> str:
    """Return the file's own mode, or the nearest of those that can be written."""
    if mode.startswith("I"):
        return "I;16"
    if has_alpha and mode in ("RGB", "L"):  # one color of the file is the transparent one
        return f"{mode}A"
    return mode if mode in ("1", "L", "LA", "RGB", "RGBA", "P", "PA", "CMYK") else "RGB"


def _uint8_channels(image: Image.Image) -> np.ndarray:
    """Return a Pillow image as uint8 gray, gray + alpha, RGB or RGBA."""
    if image.mode in ("P", "PA"):
        return np.array(image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB"))
    if image.mode in ("RGB", "L") and "transparency" in image.info:  # one color is the transparent one
        return np.array(image.convert("RGBA" if image.mode == "RGB" else "LA"))
    if image.mode in ("L", "LA", "RGBA"):
        return np.array(image)
    return np.array(image.convert("L")) if image.mode == "1" else as_rgb(image)


def _split_alpha(channels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Split (height, width) or (height, width, 1..4) into gray or RGB, and alpha."""
    if channels.ndim == 2 or channels.shape[2] == 3:
        return channels, None
    colors, alpha = channels[..., :-1], channels[..., -1]
    return np.ascontiguousarray(colors[..., 0] if colors.shape[2] == 1 else colors), np.ascontiguousarray(alpha)


def write_picture(path: str | Path, picture: Picture, quality: int = 95) -> None:
    """Write a picture in its own mode, whole or not at all; the suffix gives the format.

    A palette is made anew from the pixels. A mode that the format cannot hold is written as the nearest it can (CMYK in a PNG as
    RGB, transparency in a JPEG not at all); 16 bits stay 16 in PNG and TIFF.

    Args:
        path: .png, .jpg, .jpeg, .bmp, .tif, .tiff or .webp.
        picture: what to write.
        quality: of JPEG and WebP, 1..100.

    Raises:
        ImageError: the format is unknown or the disk refuses.
    """
    encode_whole(path, lambda kind, file: file.write(_encode(picture, kind, quality)))


def _encode(picture: Picture, kind: str, quality: int) -> bytes:
    if picture.pixels.dtype == np.uint16 and kind not in _FORMATS_OF_16_BITS:
        picture = _reduced_to_8_bits(picture)
    channels = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    if channels.dtype == np.uint16 and channels.ndim == 3:
        return encode_png(channels, picture.icc, picture.exif) if kind == "PNG" else encode_tiff(channels, picture.icc)
    mode = _SUBSTITUTES.get(kind, {}).get(picture.mode, picture.mode)
    image = _in_mode(Image.fromarray(channels), mode)
    extra: dict[str, Any] = {}
    if kind != "BMP":
        keeps_profile = picture.mode in (mode, "P", "PA", "1")  # a profile of CMYK does not describe RGB
        extra |= {"exif": picture.exif, "icc_profile": picture.icc if keeps_profile else None}
    if kind in ("JPEG", "WEBP"):
        extra |= {"quality": quality, "subsampling": 0}
    file = io.BytesIO()
    image.save(file, kind, **{key: value for key, value in extra.items() if value is not None})
    return file.getvalue()


def _reduced_to_8_bits(picture: Picture) -> Picture:
    alpha = None if picture.alpha is None else _as_uint8(picture.alpha)
    return replace(picture, pixels=_as_uint8(picture.pixels), alpha=alpha, mode="L" if picture.mode.startswith("I") else picture.mode)


def _as_uint8(levels: np.ndarray) -> np.ndarray:
    """Return uint8 or uint16 levels as uint8, rounded."""
    return levels if levels.dtype == np.uint8 else np.round(levels / 257.0).astype(np.uint8)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert RGB, RGBA, L, LA or 16-bit gray to a file's mode."""
    if mode in ("P", "PA"):
        return image.quantize(256, method=Image.Quantize.FASTOCTREE if image.mode in ("RGBA", "LA") else Image.Quantize.MEDIANCUT)
    if mode == "1":
        return image.convert("1", dither=Image.Dither.NONE)
    return image if image.mode == mode else image.convert(mode)
