"""Luma and chroma with MATLAB's constants."""

import numpy as np
import pytest
from skimage.color import rgb2ycbcr, ycbcr2rgb

from visionfw.errors import RequestError
from visionfw.imaging.color import from_ycbcr, luma, to_ycbcr


def test_black_and_white():
    np.testing.assert_allclose(luma(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)), [[16, 235]])


def test_ycbcr_is_scikit_images(photograph):
    np.testing.assert_allclose(to_ycbcr(photograph), rgb2ycbcr(photograph), atol=1e-9)
    np.testing.assert_allclose(luma(photograph), rgb2ycbcr(photograph)[..., 0], atol=1e-9)


def test_both_ways_return(photograph):
    np.testing.assert_allclose(from_ycbcr(to_ycbcr(photograph)), photograph, atol=1e-9)
    np.testing.assert_allclose(from_ycbcr(to_ycbcr(photograph)) / 255, ycbcr2rgb(to_ycbcr(photograph)), atol=1e-9)


def test_gray_counts_as_equal_red_green_and_blue(photograph):
    gray = photograph[..., 0]
    np.testing.assert_allclose(luma(gray), luma(np.repeat(gray[..., None], 3, axis=2)))
    np.testing.assert_allclose(luma(gray), luma(gray[..., None]))


@pytest.mark.parametrize(
    "shape", [(8, 9, 4), (8, 9, 2), (1, 3, 8, 9), (3, 8, 9), (2, 8, 9, 3), (9,), (8, 9, 0)], ids=["RGBA", "LA", "NCHW", "CHW", "batch", "row", "empty"]
)
def test_what_is_neither_rgb_nor_gray_is_refused(shape):
    with pytest.raises(RequestError) as caught:
        luma(np.zeros(shape, np.uint8))
    assert str(caught.value) == f"luma is taken of one image, (height, width, 3) RGB or (height, width) gray, not of shape {shape}"
