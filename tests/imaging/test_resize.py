"""MATLAB's imresize, to the bit."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.errors import RequestError
from visionfw.imaging.files import read_image
from visionfw.imaging.resize import imresize


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_set5s_matlab_images_are_reproduced_bit_for_bit(benchmark_data, scale):
    folder = benchmark_data / "Set5"
    for path in sorted((folder / "HR").glob("*.png")):
        hr = read_image(path)
        hr = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale]
        theirs = read_image(folder / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png")
        np.testing.assert_array_equal(imresize(hr, 1 / scale), theirs, err_msg=path.name)


def test_a_constant_stays_constant():
    for value in (0, 7, 255):
        assert (imresize(np.full((9, 12, 3), value, np.uint8), 1 / 3) == value).all()


def test_floats_are_not_rounded_and_keep_their_precision(photograph):
    for dtype in (np.float32, np.float64):
        resized = imresize(photograph.astype(dtype), 1 / 2)
        assert resized.dtype == dtype
        assert (resized != resized.round()).any()


def test_shrinking_a_ramp_gives_its_middle():
    ramp = np.arange(40, dtype=np.float64)[None].repeat(8, axis=0)
    np.testing.assert_allclose(imresize(ramp, 1 / 2)[2, 4:-4], np.arange(8, 32, 2) + 0.5)


def test_enlarging_then_reading_every_sample_keeps_a_smooth_image(photograph):
    image = imresize(photograph.astype(np.float64), 1 / 4)
    assert np.abs(imresize(imresize(image, 2), 1 / 2) - image).mean() < 2


def test_sizes_are_rounded_up():
    assert imresize(np.zeros((10, 11), np.uint8), 1 / 3).shape == (4, 4)
    assert imresize(np.zeros((10, 11), np.uint8), 1.5).shape == (15, 17)


def test_gray_and_color_agree(photograph):
    np.testing.assert_array_equal(imresize(photograph[..., 1], 1 / 3), imresize(photograph, 1 / 3)[..., 1])


@pytest.mark.parametrize(
    ("image", "scale", "sentence"),
    [
        (np.zeros((4, 4), np.uint8), 0, "scale must be above 0, not 0"),
        (np.zeros((4, 4), np.int32), 2, "an image is uint8 or float, not int32"),
        (np.zeros(4, np.uint8), 2, r"not of shape \(4,\)"),
    ],
)
def test_what_is_no_image_is_refused(image, scale, sentence):
    with pytest.raises(RequestError, match=sentence):
        imresize(image, scale)


@given(st.integers(1, 40), st.integers(1, 40), st.builds(Fraction, st.integers(1, 9), st.integers(1, 9)), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_any_scale_is_the_sum_over_the_kernel(height, width, scale, seed):
    """Against the formula pixel by pixel: weights of the widened kernel, mirrored border, rounded after rows and after columns."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    expected = image
    for _ in range(2):
        size, stretch = expected.shape[0], min(float(scale), 1.0)
        rows = []
        for number in range(math.ceil(size * scale)):
            center = (number + 0.5) / float(scale) - 0.5
            reach = 2 / stretch
            places = np.arange(math.floor(center - reach), math.ceil(center + reach) + 1)
            x = np.abs((center - places) * stretch)
            weights = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))
            mirrored = [place % (2 * size) if place % (2 * size) < size else 2 * size - 1 - place % (2 * size) for place in places]
            rows.append(np.tensordot(weights / weights.sum(), expected[mirrored].astype(float), 1))
        expected = np.clip(np.floor(np.array(rows) + 0.5), 0, 255).astype(np.uint8).T
    resized = imresize(image, scale)
    assert resized.shape == expected.shape
    assert np.abs(resized.astype(int) - expected.astype(int)).max() <= 1  # a sum of exactly .5 may round either way
    assert (resized != expected).sum() <= 1 + resized.size / 20
