"""Image files of any mode, read with all they hold and written in the mode that they came in."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from visionfw.imaging.files import Header, as_rgb, encode_whole, gray_levels, header_of, open_file, orientation_of

#: Modes that a format cannot hold, and what stands in for them there.
_STAND_INS = {
    "PNG": {"CMYK": "RGB"},
    "BMP": {"CMYK": "RGB", "LA": "L", "RGBA": "RGB"},
    "JPEG": {"LA": "L", "RGBA": "RGB", "P": "RGB", "PA": "RGB", "1": "L"},
    "WEBP": {"CMYK": "RGB", "L": "RGB", "LA": "RGBA", "P": "RGB", "PA": "RGBA", "1": "RGB"},
}
_SIXTEEN_BITS = ("PNG", "TIFF")


@dataclass(frozen=True)
class Picture:
    """An image with all that its file says of it.

    Attributes:
        pixels: (height, width) gray or (height, width, 3) RGB, uint8 or uint16; upright.
        alpha: (height, width) of the same dtype, or None.
        mode: Pillow's mode in the file: 'RGB', 'L', 'P', 'CMYK' ...; 'I;16' for 16-bit gray.
        frames: images in the file; the pixels are the first one's.
        exif, icc: metadata, as they stand in the file but for the orientation, which has been applied; None where there are none.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    mode: str = "RGB"
    frames: int = 1
    exif: bytes | None = None
    icc: bytes | None = None

    def rgb(self) -> np.ndarray:
        """Return the pixels as (height, width, 3) uint8."""
        levels = self.pixels if self.pixels.dtype == np.uint8 else np.round(self.pixels / 257.0).astype(np.uint8)
        return levels if levels.ndim == 3 else np.repeat(levels[..., None], 3, axis=2)


def read_picture(path: str | Path, check: Callable[[Header], object] | None = None) -> Picture:
    """Read an image file with everything that `write_picture` needs to write one like it.

    Args:
        path: PNG, JPEG, BMP, TIFF or WebP of any mode.
        check: called with the file's header before anything is decoded; may raise ImageError to refuse the file.

    Raises:
        ImageError: the file is missing, no image, damaged, too large, or its values are floats or of 32 bits.
    """
    with open_file(path) as opened:
        header, orientation = header_of(opened), orientation_of(opened)
        if check is not None:
            check(header)
        bits, frames = header.bits, header.frames
        turned = ImageOps.exif_transpose(opened)
        exif = turned.getexif().tobytes() if turned.getexif() else None
        if bits == 16 and opened.mode in ("RGB", "RGBA", "LA"):
            pixels, alpha = _split(_read_sixteen_bits(path, opened, orientation))
        elif opened.mode.startswith(("I", "F")):
            pixels, alpha = gray_levels(turned), None
        else:
            pixels, alpha = _split(_levels(turned))
        mode = "LA" if bits == 16 and pixels.ndim == 2 and alpha is not None else _mode(opened.mode, alpha is not None)
        return Picture(pixels, alpha, mode, frames, exif, opened.info.get("icc_profile"))


def _mode(mode: str, alpha: bool) -> str:
    """Return the mode to write: the file's own, or the nearest of those that can be written."""
    if mode.startswith("I"):
        return "I;16"
    if alpha and mode in ("RGB", "L"):  # one color of the file is the transparent one
        return f"{mode}A"
    return mode if mode in ("1", "L", "LA", "RGB", "RGBA", "P", "PA", "CMYK") else "RGB"


def _levels(image: Image.Image) -> np.ndarray:
    """Return uint8 levels: gray, gray + alpha, RGB or RGBA."""
    if image.mode in ("P", "PA"):
        return np.array(image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB"))
    if image.mode in ("RGB", "L") and "transparency" in image.info:  # one color is the transparent one
        return np.array(image.convert("RGBA" if image.mode == "RGB" else "LA"))
    if image.mode in ("L", "LA", "RGBA"):
        return np.array(image)
    return np.array(image.convert("L")) if image.mode == "1" else as_rgb(image)


def _split(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Split (height, width, 1..4) levels into gray or RGB, and alpha."""
    if levels.ndim == 2 or levels.shape[2] == 3:
        return levels, None
    colors, alpha = levels[..., :-1], levels[..., -1]
    return np.ascontiguousarray(colors[..., 0] if colors.shape[2] == 1 else colors), np.ascontiguousarray(alpha)


def _read_sixteen_bits(path: str | Path, opened: Image.Image, orientation: int) -> np.ndarray:
    """Read all 16 bits of a color image, of which Pillow keeps 8: (height, width, channels) uint16, upright."""
    if opened.format == "PNG":
        import png

        with Path(path).open("rb") as file:
            width, height, rows, found = png.Reader(file=file).asDirect()
            levels = np.array([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, found["planes"])
    else:
        import tifffile

        levels = np.asarray(tifffile.imread(path, key=0), np.uint16)
    if orientation >= 5:
        levels = levels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        levels = levels[::-1]
    return levels[:, ::-1] if orientation in (2, 3, 6, 7) else levels


def write_picture(path: str | Path, picture: Picture, quality: int = 95) -> None:
    """Write a picture in its own mode, whole or not at all; the suffix says the format.

    A palette is made anew from the pixels. A mode that the format cannot hold is written as the nearest it can (CMYK in a PNG as
    RGB, transparency in a JPEG not at all); 16 bits stay 16 in PNG and TIFF.

    Args:
        path: .png, .jpg, .jpeg, .bmp, .tif, .tiff or .webp.
        picture: what to write.
        quality: of JPEG and WebP, 1..100.

    Raises:
        ImageError: the format is unknown or the disk refuses.
    """
    encode_whole(path, lambda kind, file: file.write(_encoded(picture, kind, quality)))


def _encoded(picture: Picture, kind: str, quality: int) -> bytes:
    if picture.pixels.dtype == np.uint16 and kind not in _SIXTEEN_BITS:
        alpha = None if picture.alpha is None else np.round(picture.alpha / 257.0).astype(np.uint8)
        pixels = np.round(picture.pixels / 257.0).astype(np.uint8)
        picture = replace(picture, pixels=pixels, alpha=alpha, mode="L" if picture.mode.startswith("I") else picture.mode)
    joined = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    if picture.pixels.dtype == np.uint16 and joined.ndim == 3:
        return _encode_sixteen_bits(joined, kind, picture)
    mode = _STAND_INS.get(kind, {}).get(picture.mode, picture.mode)
    image = _in_mode(Image.fromarray(joined), mode)
    kept = picture.mode in (mode, "P", "PA", "1")  # a profile of CMYK says nothing about RGB
    extra = {"exif": picture.exif, "icc_profile": picture.icc if kept else None} if kind != "BMP" else {}
    extra |= {"quality": quality, "subsampling": 0} if kind in ("JPEG", "WEBP") else {}
    file = io.BytesIO()
    image.save(file, kind, **{key: value for key, value in extra.items() if value is not None})
    return file.getvalue()


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert RGB, RGBA, L, LA or 16-bit gray to a file's mode."""
    if mode in ("P", "PA"):
        return image.quantize(256, method=Image.Quantize.FASTOCTREE if image.mode in ("RGBA", "LA") else Image.Quantize.MEDIANCUT)
    if mode == "1":
        return image.convert("1", dither=Image.Dither.NONE)
    return image if image.mode == mode else image.convert(mode)


def _encode_sixteen_bits(levels: np.ndarray, kind: str, picture: Picture) -> bytes:
    """Encode colors of 16 bits, which Pillow cannot write. A TIFF keeps the profile but not the EXIF data."""
    file = io.BytesIO()
    height, width, channels = levels.shape
    if kind != "PNG":
        import tifffile

        colors = "rgb" if channels > 2 else "minisblack"
        tifffile.imwrite(file, levels, photometric=colors, extrasamples=["unassalpha"] if channels in (2, 4) else None, iccprofile=picture.icc)
        return file.getvalue()
    import png

    writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=16)
    writer.write_packed(file, levels.astype(">u2").reshape(height, -1).view(np.uint8))
    header, *rest = png.Reader(bytes=file.getvalue()).chunks()
    told = [(b"iCCP", b"ICC\0\0" + zlib.compress(picture.icc))] if picture.icc else []
    told += [(b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))] if picture.exif else []
    whole = io.BytesIO()
    png.write_chunks(whole, [header, *told, *rest])
    return whole.getvalue()
