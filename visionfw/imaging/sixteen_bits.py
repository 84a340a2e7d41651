"""Colors of 16 bits, of which Pillow keeps 8 and which it cannot write: PNG by pypng, TIFF by tifffile."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin

_PLANAR_CONFIGURATION, _SEPARATE = 284, 2  # TIFF


def read_channels(path: str | Path, opened: Image.Image) -> np.ndarray:
    """Read all 16 bits of a color image.

    Args:
        path: a PNG or TIFF.
        opened: the same, opened by Pillow.

    Returns:
        (height, width, channels) uint16, the EXIF orientation not applied.
    """
    if opened.format == "PNG":
        import png

        with Path(path).open("rb") as file:
            width, height, rows, info = png.Reader(file=file).asDirect()
            return np.array([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, info["planes"])
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        return np.moveaxis(np.asarray(page.asarray(), np.uint16), page.axes.index("S"), -1)


def is_planar_tiff(opened: Image.Image) -> bool:
    """Tell whether a TIFF stores every channel apart. Pillow decodes such files of 16 bits to wrong pixels where they are not compressed."""
    return isinstance(opened, TiffImagePlugin.TiffImageFile) and opened.tag_v2.get(_PLANAR_CONFIGURATION) == _SEPARATE


def rotate(image: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an EXIF orientation, 1..8."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image[:, ::-1] if orientation in (2, 3, 6, 7) else image


def encode_tiff(channels: np.ndarray, icc: bytes | None) -> bytes:
    """Encode (height, width, 2..4) uint16 as TIFF; the last of 2 or 4 channels is alpha."""
    import tifffile

    file, count = io.BytesIO(), channels.shape[2]
    colors, extra = "rgb" if count > 2 else "minisblack", ["unassalpha"] if count in (2, 4) else None
    tifffile.imwrite(file, channels, photometric=colors, extrasamples=extra, iccprofile=icc)
    return file.getvalue()


def encode_png(channels: np.ndarray, icc: bytes | None, exif: bytes | None) -> bytes:
    """Encode (height, width, 2..4) uint16 as PNG; the last of 2 or 4 channels is alpha."""
    import png

    height, width, count = channels.shape
    plain, file = io.BytesIO(), io.BytesIO()
    writer = png.Writer(width, height, greyscale=count < 3, alpha=count in (2, 4), bitdepth=16)
    writer.write_packed(plain, channels.astype(">u2").reshape(height, -1).view(np.uint8))
    header, *rest = png.Reader(bytes=plain.getvalue()).chunks()
    metadata = [(b"iCCP", b"ICC\0\0" + zlib.compress(icc))] if icc else []
    metadata += [(b"eXIf", exif.removeprefix(b"Exif\0\0"))] if exif else []
    png.write_chunks(file, [header, *metadata, *rest])
    return file.getvalue()
