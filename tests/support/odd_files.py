"""A folder of broken and odd image files, each of a kind that has been met in the wild."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from visionfw.imaging.pictures import Picture, write_picture

#: What cannot be read at all.
BROKEN = {
    "truncated.png",
    "truncated.jpg",
    "truncated.bmp",
    "truncated.tif",
    "truncated.webp",
    "progressive.jpg",
    "empty.png",
    "text.png",
    "markup.png",
    "bomb.png",
    "text_bomb.png",
    "bad_pixels.png",
    "bad_crc.png",
    "no_size.png",
    "no_end.jpg",
    "float.tif",
    "int32.tif",
    "dangling.png",
    "loop.png",
    "pipe.png",
    "zeros.png",
    "noise.jpg",
}
#: What can be read and is no plain RGB photograph.
ODD = {
    "one.png",
    "long.png",
    "tall.png",
    "cmyk.jpg",
    "cmyk.tif",
    "lab.tif",
    "gray.png",
    "gray.jpg",
    "gray16.png",
    "rgb16.png",
    "rgba16.png",
    "rgb16.tif",
    "palette.png",
    "palette_alpha.png",
    "rgba.png",
    "gray_alpha.png",
    "color_key.png",
    "bits.png",
    "animated.png",
    "animated.webp",
    "pages.tif",
    "rotated.jpg",
    "rotated.png",
    "jpeg_inside.png",
    "gif_inside.png",
    "Ünïcödé 名前.png",
    "line\nbreak %s {x}.png",
    "LOUD.PNG",
    "copy.png",
    "link.png",
    "same_stem.png",
    "same_stem.jpg",
    os.fsdecode(b"not_utf8_\xff\xfe.png"),
}


def chunk(kind: bytes, content: bytes, crc: int | None = None) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) if crc is None else crc)


def png(width: int, height: int, *chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + b"".join(chunks) + chunk(b"IEND", b"")


def bomb() -> bytes:
    """30000 x 30000 pixels of nothing, whole, in some megabytes of zeros that pack into a small file."""
    row = 1 + 3 * 30_000
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    hundred_rows = packer.compress(bytes(100 * row)) + packer.flush(zlib.Z_FULL_FLUSH)  # stands on its own, so it is packed once
    checksum = 30_000 * row % 65_521 << 16 | 1  # Adler-32 of zeros
    return png(30_000, 30_000, chunk(b"IDAT", b"\x78\xda" + 300 * hundred_rows + zlib.compress(b"")[2:-4] + struct.pack(">I", checksum)))


def write_odd_files(folder: Path, photograph: np.ndarray) -> None:
    """Write three good images and all of BROKEN and ODD."""
    folder.mkdir()
    good = Image.fromarray(photograph[:180, :220])
    for number in range(3):
        Image.fromarray(photograph[20 * number : 150 + 20 * number, 80 * number : 160 + 80 * number]).save(folder / f"good{number}.png")
    _write_broken(folder, good)
    _write_odd(folder, good)
    (folder / "Thumbs.db").write_bytes(b"no image")
    (folder / ".hidden.png").write_bytes(b"no image")
    (folder / "folder.png").mkdir()


def _write_broken(folder: Path, good: Image.Image) -> None:
    for suffix, options in (("png", {}), ("jpg", {}), ("bmp", {}), ("tif", {}), ("webp", {})):
        good.save(folder / f"truncated.{suffix}", **options)
        content = (folder / f"truncated.{suffix}").read_bytes()
        (folder / f"truncated.{suffix}").write_bytes(content[: len(content) * 2 // 3] if suffix != "webp" else content[:200])
    good.save(folder / "progressive.jpg", progressive=True)
    content = (folder / "progressive.jpg").read_bytes()
    (folder / "progressive.jpg").write_bytes(content[: len(content) // 4])
    good.save(folder / "no_end.jpg")
    (folder / "no_end.jpg").write_bytes((folder / "no_end.jpg").read_bytes()[:400])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("this is no image")
    (folder / "markup.png").write_text("<html><body>404 not found</body></html>")
    (folder / "zeros.png").write_bytes(bytes(5000))
    (folder / "noise.jpg").write_bytes(b"\xff\xd8\xff\xe0" + np.random.default_rng(0).bytes(5000))
    (folder / "bomb.png").write_bytes(bomb())
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9))
    (folder / "text_bomb.png").write_bytes(png(4, 4, text, chunk(b"IDAT", zlib.compress(bytes(4 * 13)))))
    (folder / "bad_pixels.png").write_bytes(png(100, 100, chunk(b"IDAT", b"no zlib stream at all")))
    (folder / "bad_crc.png").write_bytes(png(100, 100, chunk(b"PLTE", bytes(9), crc=1), chunk(b"IDAT", zlib.compress(bytes(100 * 301)))))
    (folder / "no_size.png").write_bytes(png(0, 100, chunk(b"IDAT", zlib.compress(b""))))
    tifffile.imwrite(folder / "float.tif", np.asarray(good.convert("L"), np.float32) / 255)
    tifffile.imwrite(folder / "int32.tif", np.asarray(good.convert("L"), np.int32) * 70_000)
    (folder / "dangling.png").symlink_to(folder / "gone.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.png")


def _write_odd(folder: Path, good: Image.Image) -> None:
    pixels, gray = np.asarray(good), np.asarray(good.convert("L"))
    for name, (width, height) in {"one.png": (1, 1), "long.png": (65500, 1), "tall.png": (1, 65500)}.items():
        Image.new("RGB", (width, height), (9, 99, 199)).save(folder / name)
    good.convert("CMYK").save(folder / "cmyk.jpg")
    good.convert("CMYK").save(folder / "cmyk.tif")
    tifffile.imwrite(folder / "lab.tif", pixels, photometric="cielab")
    good.convert("L").save(folder / "gray.png")
    good.convert("L").save(folder / "gray.jpg")
    write_picture(folder / "gray16.png", Picture(gray.astype(np.uint16) * 257, mode="I;16"))
    write_picture(folder / "rgb16.png", Picture(pixels.astype(np.uint16) * 257))
    write_picture(folder / "rgba16.png", Picture(pixels.astype(np.uint16) * 257, gray.astype(np.uint16) * 257, "RGBA"))
    write_picture(folder / "rgb16.tif", Picture(pixels.astype(np.uint16) * 257))
    good.quantize(64).save(folder / "palette.png")
    good.quantize(64).save(folder / "palette_alpha.png", transparency=0)
    good.save(folder / "color_key.png", transparency=(1, 2, 3))
    with_alpha = good.copy()
    with_alpha.putalpha(good.convert("L"))
    with_alpha.save(folder / "rgba.png")
    with_alpha.convert("LA").save(folder / "gray_alpha.png")
    good.convert("1").save(folder / "bits.png")
    frames = [good, good.rotate(180)]
    for name in ("animated.png", "animated.webp", "pages.tif"):
        frames[0].save(folder / name, save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    good.save(folder / "rotated.jpg", exif=exif)
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "x" * 1000)
    good.save(folder / "rotated.png", exif=exif, pnginfo=note)
    good.save(folder / "jpeg_inside.png", "JPEG")
    good.save(folder / "gif_inside.png", "GIF")
    for name in ("Ünïcödé 名前.png", "line\nbreak %s {x}.png", "LOUD.PNG", "copy.png", os.fsdecode(b"not_utf8_\xff\xfe.png"), "same_stem.png", "same_stem.jpg"):
        good.save(folder / name, "JPEG" if name.endswith("jpg") else "PNG")
    (folder / "link.png").symlink_to(folder / "good0.png")
