"""Pixel losses by their formulas."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.losses import pixel


@pytest.fixture
def pair():
    return np.random.default_rng(0).random((2, 3, 16, 18, 3), np.float32)


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (pixel.l1, lambda a, b: np.abs(a - b).mean()),
        (pixel.mse, lambda a, b: ((a - b) ** 2).mean()),
        (pixel.luma, lambda a, b: np.abs(vf.luma(a * 255) - vf.luma(b * 255)).mean() / 255),
        (pixel.charbonnier, lambda a, b: np.sqrt((a - b) ** 2 + 1e-6).mean()),
        (pixel.mse_central, lambda a, b: ((a - b) ** 2)[6:-6, 6:-6].mean()),
    ],
)
def test_a_loss_is_its_formula_for_every_image(pair, loss, formula):
    a, b = pair
    values = keras.ops.convert_to_numpy(loss(a, b))
    assert values == pytest.approx([formula(x, y) for x, y in zip(a.astype(float), b.astype(float), strict=True)], rel=1e-4)


def test_the_central_loss_without_a_border_is_the_mean_squared_error(pair):
    np.testing.assert_array_equal(pixel.mse_central(*pair, border=0), pixel.mse(*pair))


def test_images_with_one_channel_are_luma_already(pair):
    a, b = pair[..., :1]
    np.testing.assert_array_equal(pixel.luma(a, b), pixel.l1(a, b))
