"""Losses by their formulas."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.losses import terms as loss_terms
from visionfw.losses.functions import LOSSES, weighted_sum
from visionfw.losses.terms import read_loss, size_problems


@pytest.fixture
def pair():
    return np.random.default_rng(0).random((2, 3, 16, 18, 3), np.float32)


def total_variation(made):
    return 2 * (np.square(np.diff(made, axis=0)).mean() + np.square(np.diff(made, axis=1)).mean())


def unevenness(image, scale=4):
    """By a loop over pixels."""
    detail = [[] for _ in range(scale**2)]
    for row in range(1, image.shape[0] - 1):
        for column in range(1, image.shape[1] - 1):
            around = image[row - 1, column] + image[row + 1, column] + image[row, column - 1] + image[row, column + 1]
            detail[(row - 1) % scale * scale + (column - 1) % scale].append(np.abs(4 * image[row, column] - around).mean())
    means = np.array([np.mean(place) for place in detail])
    return np.abs(means - means.mean()).mean()


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("l1", lambda a, b: np.abs(a - b).mean()),
        ("mse", lambda a, b: ((a - b) ** 2).mean()),
        ("luma", lambda a, b: np.abs(vf.luma(a * 255) - vf.luma(b * 255)).mean() / 255),
        ("charbonnier", lambda a, b: np.sqrt((a - b) ** 2 + 1e-6).mean()),
        ("mse_central", lambda a, b: ((a - b) ** 2)[6:-6, 6:-6].mean()),
        ("ssim", lambda a, b: 1 - vf.ssim(a * 255, b * 255)),
        ("total_variation", lambda a, b: total_variation(b)),
        ("checkerboard", lambda a, b: max(0.0, unevenness(b) - unevenness(a))),
    ],
)
def test_a_loss_is_its_formula_for_every_image(pair, name, formula):
    a, b = pair
    made = keras.ops.convert_to_numpy(LOSSES[name](a, b))
    assert made == pytest.approx([formula(x, y) for x, y in zip(a.astype(float), b.astype(float), strict=True)], rel=1e-4)


def test_the_luma_of_a_luma_model_is_what_it_makes(pair):
    a, b = (image[..., :1] for image in pair)
    np.testing.assert_allclose(LOSSES["luma"](a, b), LOSSES["l1"](a, b))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_bfloat16_is_computed_in_float32(name):
    a = keras.ops.ones((1, 16, 16, 3), "bfloat16")
    assert keras.backend.standardize_dtype(LOSSES[name](a, a).dtype) == "float32"


def test_the_names_are_those_that_are_read():
    assert sorted([*LOSSES, "vgg"]) == sorted(loss_terms.LOSSES)


def test_terms_are_summed_with_their_weights(pair):
    a, b = pair
    made = keras.ops.convert_to_numpy(weighted_sum(read_loss("l1+0.5*mse+0.1*total_variation+mse_central:border=2"))(a, b))[1]
    a, b = a[1].astype(float), b[1].astype(float)
    expected = np.abs(a - b).mean() + 0.5 * ((a - b) ** 2).mean() + 0.1 * total_variation(b) + ((a - b) ** 2)[2:-2, 2:-2].mean()
    assert made == pytest.approx(expected, rel=1e-5)


def test_dots_on_the_enlargers_grid_are_punished_and_a_photographs_own_detail_is_not(photograph):
    reference = photograph[None, :96, :96] / np.float32(255)
    dotted = reference.copy()
    dotted[:, ::3, ::3] += 0.1
    value = weighted_sum(read_loss("l1+checkerboard"), scale=3)
    plain = weighted_sum(read_loss("l1"))
    assert float((value(reference, dotted) - plain(reference, dotted))[0]) > 0.02
    assert float(value(reference, reference)[0]) == 0
    assert float((value(reference, reference[:, ::-1]) - plain(reference, reference[:, ::-1]))[0]) < 0.002


def test_ssim_of_tensors_is_the_protocols(photograph):
    from visionfw.metrics.tensors import ssim_per_image

    changed = vf.imresize(vf.imresize(photograph[:80, :96], 1 / 4), 4)
    made = float(ssim_per_image(photograph[None, :80, :96] / np.float32(255), changed[None] / np.float32(255))[0])
    assert made == pytest.approx(vf.ssim(photograph[:80, :96], changed), abs=2e-4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ssim", "its window is 11 x 11, and HR patches are 8 x 8"),
        ("mse_central", "nothing is left of HR patches of 8 x 8"),
        ("l1+checkerboard", "needs HR patches of 16 x 16 at least, not 8 x 8"),
    ],
)
def test_patches_that_are_too_small_are_told(text, sentence):
    (said,) = size_problems(read_loss(text), 8)
    assert sentence in said
