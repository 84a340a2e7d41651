"""The filter that an LR image was made with."""

import numpy as np
import pytest

from visionfw.data.audit.lr_kernel import identify_filter
from visionfw.imaging.files import read_image
from visionfw.imaging.resize import imresize


def test_matlabs_bicubic_is_recognized_to_the_bit(photograph):
    hr = photograph[:120, :160]
    lr = imresize(hr, 1 / 4)
    assert identify_filter(lr, hr, 4) == ""
    lr[0, 0, 0] ^= 1
    assert identify_filter(lr, hr, 4) == "MATLAB's bicubic, then compressed or changed (0.00 gray levels off)"


def test_another_picture_has_no_known_filter(photograph):
    hr = photograph[:120, :160]
    assert identify_filter(np.roll(imresize(hr, 1 / 4), 9, axis=0), hr, 4).startswith("no known filter (nearest: ")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_matlabs_own_files_are_recognized_and_opencvs_kernel_is_not_taken_for_them(benchmark_data, scale):
    for path in sorted((benchmark_data / "Set5/HR").glob("*.png")):
        hr = read_image(path)
        hr = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale]
        lr = read_image(benchmark_data / f"Set5/LR_bicubic/X{scale}/{path.stem}x{scale}.png")
        assert identify_filter(lr, hr, scale) == ""
        assert identify_filter(np.roll(lr, 3, axis=0), hr, scale).startswith("no known filter")
