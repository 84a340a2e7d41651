"""One HR image and its LR image, from files."""

import numpy as np
import pytest

from visionfw.data.pairs import read_pair, read_whole_pair
from visionfw.errors import VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import ImageError, write_image
from visionfw.imaging.resize import imresize

BICUBIC = Degradation.parse("bicubic", 4)


@pytest.fixture
def hr_file(tmp_path, photograph):
    write_image(tmp_path / "hr.png", photograph[:90, :101])
    return tmp_path / "hr.png"


def test_without_an_lr_file_the_degradation_makes_it(hr_file, photograph):
    lr, hr = read_pair(hr_file, None, BICUBIC)
    np.testing.assert_array_equal(hr, photograph[:88, :100])
    np.testing.assert_array_equal(lr, imresize(hr, 1 / 4))


def test_an_lr_file_is_used_as_it_is(hr_file, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (22, 25, 3), np.uint8)
    write_image(tmp_path / "lr.png", pixels)
    np.testing.assert_array_equal(read_pair(hr_file, tmp_path / "lr.png", BICUBIC)[0], pixels)


def test_an_lr_file_of_another_size_is_refused(hr_file, tmp_path):
    write_image(tmp_path / "lr.png", np.zeros((22, 26, 3), np.uint8))
    with pytest.raises(ImageError, match=r"hr\.png: its LR image .*lr\.png has 26 x 22 pixels; for scale 4 it must have 25 x 22"):
        read_pair(hr_file, tmp_path / "lr.png", BICUBIC)


def test_less_than_one_lr_pixel_is_empty_or_refused(tmp_path):
    write_image(tmp_path / "tiny.png", np.zeros((3, 50, 3), np.uint8))
    lr, hr = read_pair(tmp_path / "tiny.png", None, BICUBIC)
    assert (lr.size, hr.size) == (0, 0)
    with pytest.raises(VisionfwError, match=r"tiny\.png: too small to be shrunk by 4"):
        read_whole_pair(tmp_path / "tiny.png", None, BICUBIC)
