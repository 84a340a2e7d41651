"""Image files of any mode, read with all they hold and written as they came in."""

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageCms

from visionfw.imaging.files import ImageError, read_header, read_image
from visionfw.imaging.pictures import Picture, read_picture, write_picture


@pytest.fixture
def small(photograph):
    return photograph[40:77, 90:141]


def mode_of(path):
    with Image.open(path) as opened:
        return opened.mode


def profile_of(path):
    with Image.open(path) as opened:
        return opened.info["icc_profile"]


def in_mode(pixels, mode):
    image = Image.fromarray(pixels)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(pixels[..., 0]))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *[(mode, ".png") for mode in ("1", "L", "LA", "RGB", "RGBA", "P")],
        *[(mode, ".tif") for mode in ("1", "L", "LA", "RGB", "RGBA", "P", "CMYK")],
        *[("RGB", ".bmp"), ("L", ".bmp"), ("P", ".bmp")],
    ],
)
def test_what_comes_in_goes_out_alike(tmp_path, small, mode, suffix):
    in_mode(small, mode).save(tmp_path / f"in{suffix}")
    picture = read_picture(tmp_path / f"in{suffix}")
    write_picture(tmp_path / f"out{suffix}", picture)
    with Image.open(tmp_path / f"in{suffix}") as before, Image.open(tmp_path / f"out{suffix}") as after:
        before.load(), after.load()
    assert after.mode == before.mode
    tolerance = 0 if mode != "P" else 24  # a palette is made anew
    difference = np.abs(np.asarray(before.convert("RGB"), float) - np.asarray(after.convert("RGB"), float))
    assert difference.mean() <= tolerance
    if picture.alpha is not None:
        np.testing.assert_array_equal(np.asarray(after.getchannel("A")), picture.alpha)


@pytest.mark.parametrize(("mode", "suffix"), [("L", ".jpg"), ("RGB", ".jpg"), ("CMYK", ".jpg"), ("RGB", ".webp"), ("RGBA", ".webp")])
def test_lossy_formats_keep_their_mode(tmp_path, small, mode, suffix):
    in_mode(small, mode).save(tmp_path / f"in{suffix}", quality=95)
    picture = read_picture(tmp_path / f"in{suffix}")
    write_picture(tmp_path / f"out{suffix}", picture)
    assert mode_of(tmp_path / f"out{suffix}") == mode
    assert np.abs(read_picture(tmp_path / f"out{suffix}").rgb().astype(float) - picture.rgb()).mean() < 5


@pytest.mark.parametrize(("suffix", "channels"), [*[(".png", n) for n in (1, 2, 3, 4)], *[(".tif", n) for n in (1, 3, 4)]])
def test_sixteen_bits_stay_sixteen(tmp_path, channels, suffix):
    levels = np.random.default_rng(0).integers(0, 65536, (19, 23, channels), np.uint16)
    pixels = levels[..., :3] if channels > 2 else levels[..., 0]
    picture = Picture(pixels, levels[..., -1] if channels in (2, 4) else None, {1: "I;16", 2: "LA", 3: "RGB", 4: "RGBA"}[channels])
    write_picture(tmp_path / f"x{suffix}", picture)
    assert read_header(tmp_path / f"x{suffix}").bits == 16
    if suffix == ".png":  # an independent reader agrees
        width, height, rows, _ = png.Reader(bytes=(tmp_path / "x.png").read_bytes()).asDirect()
        np.testing.assert_array_equal(np.array([list(row) for row in rows]).reshape(height, width, channels), levels)
    else:
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "x.tif").reshape(levels.shape), levels)
    again = read_picture(tmp_path / f"x{suffix}")
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    if picture.alpha is not None:
        np.testing.assert_array_equal(again.alpha, picture.alpha)
    assert again.mode == picture.mode


def test_sixteen_bits_become_eight_by_rounding(tmp_path):
    write_picture(tmp_path / "x.png", Picture(np.array([[0, 128, 129, 257, 65535]], np.uint16), mode="I;16"))
    assert read_image(tmp_path / "x.png")[0, :, 0].tolist() == [0, 0, 1, 1, 255]
    write_picture(tmp_path / "x.jpg", read_picture(tmp_path / "x.png"))  # a format of 8 bits
    assert mode_of(tmp_path / "x.jpg") == "L"


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_once(tmp_path, small, orientation, bits):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a cat"
    if bits == 8:
        Image.fromarray(small).save(tmp_path / "x.png", exif=exif)
    else:
        write_picture(tmp_path / "x.png", Picture(small.astype(np.uint16) * 257, exif=exif.tobytes()))
    upright = read_image(tmp_path / "x.png")
    picture = read_picture(tmp_path / "x.png")
    np.testing.assert_array_equal(picture.rgb(), upright)
    write_picture(tmp_path / "y.png", picture)
    np.testing.assert_array_equal(read_image(tmp_path / "y.png"), upright)
    with Image.open(tmp_path / "y.png") as again:
        assert again.getexif().get(0x0112, 1) == 1
        assert again.getexif()[0x010E] == "a cat"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_a_color_profile_is_kept(tmp_path, small, suffix):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(small).save(tmp_path / f"x{suffix}", icc_profile=profile)
    write_picture(tmp_path / f"y{suffix}", read_picture(tmp_path / f"x{suffix}"))
    assert profile_of(tmp_path / f"y{suffix}") == profile


def test_of_several_frames_the_first_is_used_and_they_are_counted(tmp_path, small):
    frames = [Image.fromarray(small), Image.fromarray(255 - small)]
    frames[0].save(tmp_path / "x.png", save_all=True, append_images=frames[1:])
    picture = read_picture(tmp_path / "x.png")
    assert picture.frames == 2
    np.testing.assert_array_equal(picture.pixels, small)
    assert read_header(tmp_path / "x.png").format_notes() == ["2 frames, of which the first is used"]


def test_a_format_without_the_mode_gets_the_nearest(tmp_path, small):
    write_picture(tmp_path / "x.jpg", Picture(small, small[..., 0], "RGBA"))
    assert mode_of(tmp_path / "x.jpg") == "RGB"
    write_picture(tmp_path / "x.png", Picture(small, None, "CMYK"))
    assert mode_of(tmp_path / "x.png") == "RGB"


def test_floats_and_unknown_suffixes_are_refused(tmp_path, small):
    tifffile.imwrite(tmp_path / "x.tif", small[..., 0].astype(np.float32) / 255)
    with pytest.raises(ImageError, match="cannot be read: its values are not levels of 8 or 16 bits"):
        read_picture(tmp_path / "x.tif")
    with pytest.raises(ImageError, match=r"no image format ends in '\.xyz'"):
        write_picture(tmp_path / "x.xyz", Picture(small))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.tif"]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_rotated_tiff_is_upright_everywhere(tmp_path, small, orientation, bits):
    levels = small if bits == 8 else small.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "x.tif", levels, photometric="rgb", extratags=[(0x0112, "H", 1, orientation, True)])
    expected = {1: small, 3: small[::-1, ::-1], 6: np.rot90(small, -1), 8: np.rot90(small)}[orientation]
    header = read_header(tmp_path / "x.tif")
    assert (header.height, header.width) == expected.shape[:2]
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), expected)
    np.testing.assert_array_equal(read_picture(tmp_path / "x.tif").rgb(), expected)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "separate"},
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": 2},
        {"compression": "zlib", "planarconfig": "separate"},
        {"compression": "lzw", "planarconfig": "separate", "byteorder": ">"},
    ],
    ids=["planar", "LZW", "LZW with a predictor", "planar Deflate", "planar LZW, big-endian"],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_sixteen_bits_stay_sixteen_in_every_tiff(tmp_path, channels, options, orientation):
    levels = np.random.default_rng(0).integers(0, 65536, (40, 23, channels), np.uint16)
    stored = np.moveaxis(levels, -1, 0) if options.get("planarconfig") == "separate" else levels
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tags = [(0x0112, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "x.tif", stored, photometric="rgb", extratags=tags, metadata=None, **options, **extra)
    upright = levels if orientation == 1 else np.rot90(levels, -1)
    assert read_header(tmp_path / "x.tif").bits == 16
    picture = read_picture(tmp_path / "x.tif")
    np.testing.assert_array_equal(picture.pixels, upright[..., :3])
    if channels == 4:
        np.testing.assert_array_equal(picture.alpha, upright[..., 3])
    assert np.abs(read_image(tmp_path / "x.tif").astype(float) - upright[..., :3] / 257).max() < 1.01
