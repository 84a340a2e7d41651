"""Losses of neighboring pixels by their formulas."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.losses import LossContext, parse_loss, structure


@pytest.fixture
def pair():
    return np.random.default_rng(0).random((2, 3, 16, 18, 3), np.float32)


def total_variation(image):
    return 2 * (np.square(np.diff(image, axis=0)).mean() + np.square(np.diff(image, axis=1)).mean())


def unevenness(image, scale):
    """By a loop over pixels."""
    detail = [[] for _ in range(scale**2)]
    for row in range(1, image.shape[0] - 1):
        for column in range(1, image.shape[1] - 1):
            neighbors = image[row - 1, column] + image[row + 1, column] + image[row, column - 1] + image[row, column + 1]
            detail[(row - 1) % scale * scale + (column - 1) % scale].append(np.abs(4 * image[row, column] - neighbors).mean())
    means = np.array([np.mean(position) for position in detail])
    return np.abs(means - means.mean()).mean()


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (structure.ssim, lambda a, b: 1 - vf.ssim(a * 255, b * 255)),
        (structure.total_variation, lambda a, b: total_variation(b)),
        (lambda a, b: structure.checkerboard(a, b, 4), lambda a, b: max(0.0, unevenness(b, 4) - unevenness(a, 4))),
        (lambda a, b: structure.checkerboard(a, b, 3), lambda a, b: max(0.0, unevenness(b, 3) - unevenness(a, 3))),
    ],
)
def test_a_loss_is_its_formula_for_every_image(pair, loss, formula):
    a, b = pair
    values = keras.ops.convert_to_numpy(loss(a, b))
    assert values == pytest.approx([formula(x, y) for x, y in zip(a.astype(float), b.astype(float), strict=True)], rel=1e-4)


def test_dots_on_the_upsampling_grid_are_penalized_and_a_photographs_own_detail_is_not(photograph):
    reference = photograph[None, :96, :96] / np.float32(255)
    dotted = reference.copy()
    dotted[:, ::3, ::3] += 0.1
    assert float(structure.checkerboard(reference, dotted, 3)[0]) > 0.02
    assert float(structure.checkerboard(reference, reference, 3)[0]) == 0
    assert float(structure.checkerboard(reference, reference[:, ::-1], 3)[0]) < 0.002


def test_the_grid_is_the_runs_scale(pair):
    a, b = pair
    with_term, without = (parse_loss(text).build(LossContext(scale=3)) for text in ("l1+checkerboard", "l1"))
    np.testing.assert_allclose(with_term(a, b) - without(a, b), structure.checkerboard(a, b, 3), atol=1e-6)


def test_ssim_is_the_protocols(photograph):
    image = photograph[:80, :96]
    changed = vf.imresize(vf.imresize(image, 1 / 4), 4)
    value = float(structure.ssim(image[None] / np.float32(255), changed[None] / np.float32(255))[0])
    assert value == pytest.approx(1 - vf.ssim(image, changed), abs=2e-4)
