"""Image files of many kinds, and files that are none."""

import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from visionfw.imaging.files import ImageError, image_size, max_side, open_file, read_header, read_image, write_image


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_lossless_formats_return_what_was_written(tmp_path, photograph, suffix):
    path = tmp_path / f"x.{suffix}"
    if suffix == "webp":
        Image.fromarray(photograph).save(path, lossless=True)
    else:
        write_image(path, photograph)
    np.testing.assert_array_equal(read_image(path), photograph)


@pytest.mark.parametrize(
    ("mode", "expected"), [("L", (9, 9, 9)), ("RGBA", (9, 9, 9)), ("P", (9, 9, 9)), ("LA", (9, 9, 9)), ("1", (255, 255, 255)), ("I;16", (9, 9, 9))]
)
def test_every_mode_becomes_rgb(tmp_path, mode, expected):
    value = {"L": 9, "RGBA": (9, 9, 9, 100), "P": 0, "LA": (9, 100), "1": 1, "I;16": 9 * 257}[mode]
    image = Image.new(mode, (5, 4), value)
    if mode == "P":
        image.putpalette([9, 9, 9])
    image.save(tmp_path / "x.png")
    pixels = read_image(tmp_path / "x.png")
    assert pixels.shape == (4, 5, 3)
    assert tuple(pixels[2, 2]) == expected


def test_exif_orientation_is_applied(tmp_path, photograph):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photograph).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), np.rot90(photograph, -1))
    assert image_size(tmp_path / "x.png") == photograph.shape[1::-1]


def test_what_cannot_be_read_is_reported_with_the_files_name(tmp_path, photograph):
    write_image(tmp_path / "whole.png", photograph)
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:5000])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    for name, sentence in (("cut", "cannot be read"), ("text", "not an image"), ("empty", "is empty"), ("nowhere", "no such file")):
        with pytest.raises(ImageError, match=rf"{name}\.png: {sentence}"):
            read_image(tmp_path / f"{name}.png")


def test_what_cannot_be_written_is_reported(tmp_path, photograph):
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / "no" / "x.png", photograph)


def test_a_header_says_how_a_file_differs_from_plain_rgb(tmp_path, photograph):
    Image.fromarray(photograph).save(tmp_path / "plain.png")
    assert read_header(tmp_path / "plain.png").format_notes() == []
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(photograph).convert("LA").save(tmp_path / "odd.png", exif=exif)
    assert read_header(tmp_path / "odd.png").format_notes() == ["gray", "alpha", "EXIF orientation"]
    Image.fromarray(photograph).convert("CMYK").save(tmp_path / "print.jpg")
    assert read_header(tmp_path / "print.jpg").format_notes() == ["CMYK"]
    Image.fromarray(photograph[..., 0].astype(np.uint16)).save(tmp_path / "deep.png")
    assert read_header(tmp_path / "deep.png").format_notes() == ["gray", "16 bits"]


def test_a_pipe_or_folder_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for name, sentence in (("pipe", "not a file"), ("folder", "not a file"), ("link", "a link to nothing")):
        with pytest.raises(ImageError, match=rf"{name}\.png: {sentence}"):
            read_image(tmp_path / f"{name}.png")


def test_a_bomb_is_refused_by_its_header(tmp_path):
    row = b"\0" + bytes(30_000 * 3)

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(100)) + packer.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    with pytest.raises(ImageError, match=r"too large to be decoded safely \(the limit is 179 million pixels\)"):
        read_image(tmp_path / "bomb.png")


def test_the_callers_own_errors_pass_through(tmp_path, photograph):
    write_image(tmp_path / "x.png", photograph)
    with pytest.raises(ZeroDivisionError), open_file(tmp_path / "x.png"):
        _ = 1 / 0
    with pytest.raises(FileNotFoundError, match="another file"), open_file(tmp_path / "x.png"):
        raise FileNotFoundError("another file")


def test_importing_changes_no_warning_filters_of_the_program(root):
    code = """
import warnings
import numpy, PIL.Image, PIL.ImageOps
before = list(warnings.filters)
import visionfw.imaging.files, visionfw.imaging.pictures
print(warnings.filters == before)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout.strip() == "True"


def test_the_largest_jpeg_is_as_large_as_max_side_says(tmp_path):
    assert max_side("x.JPG") == 65500
    assert max_side("x.webp") == 16383
    assert max_side("x.png") is None
    write_image(tmp_path / "x.jpg", np.zeros((1, 65500), np.uint8))
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / "y.jpg", np.zeros((1, 65501), np.uint8))
