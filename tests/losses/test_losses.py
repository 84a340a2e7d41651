"""Losses by name: the grammar of --loss, the weighted sum, and members from outside the package."""

import keras
import numpy as np
import pytest
from configs import training

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.losses import LOSSES, Loss, LossContext, LossTerm, parse_loss
from visionfw.registry import Spec


@pytest.fixture
def pair():
    return np.random.default_rng(0).random((2, 3, 16, 18, 3), np.float32)


def terms_of(text):
    return [(term.weight, term.spec.name, dict(term.spec.options)) for term in parse_loss(text).terms]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("l1", [(1.0, "l1", {})]),
        (" l1 + 0.1*ssim+2e-8 * total_variation", [(1.0, "l1", {}), (0.1, "ssim", {}), (2e-8, "total_variation", {})]),
        ("1e+2*mse", [(100.0, "mse", {})]),
        ("mse_central:border=4", [(1.0, "mse_central", {"border": 4})]),
        ("mse_central:4", [(1.0, "mse_central", {"border": 4})]),
        ("0.006*vgg:layer=vgg22", [(0.006, "vgg", {"layer": "relu2_2", "distance": "mse"})]),
        ("vgg:layer=conv5_4,distance=l1+l1", [(1.0, "vgg", {"layer": "conv5_4", "distance": "l1"}), (1.0, "l1", {})]),
    ],
)
def test_terms_are_joined_by_a_plus_and_weighted_by_a_star(text, terms):
    assert terms_of(text) == terms


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1*l1 + 0.10*ssim", "l1+0.1*ssim"),
        ("2e-8*total_variation+1e+2*mse", "2e-08*total_variation+100*mse"),
        ("1e20*l1", "1e+20*l1"),
        ("mse_central", "mse_central:border=6"),
        ("vgg:distance=l1", "vgg:layer=relu5_4,distance=l1"),
    ],
)
def test_the_canonical_text_names_every_option_and_parses_back(text, canonical):
    loss = parse_loss(text)
    assert str(loss) == canonical
    assert parse_loss(canonical) == loss
    assert hash(parse_loss(canonical)) == hash(loss)


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES.get(name).stands_alone])
def test_every_name_is_a_loss(name):
    assert [term.spec.name for term in parse_loss(name).terms] == [name]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("l3", "--loss: no loss 'l3'; did you mean 'l1'?"),
        ("", "--loss: no loss ''"),
        ("l1+", "--loss: no loss ''"),
        ("0*l1", "--loss: a weight must be a number above 0, not '0'"),
        ("big*l1", "a weight must be a number above 0, not 'big'"),
        ("inf*l1", "a weight must be a number above 0, not 'inf'"),
        ("nan*l1", "a weight must be a number above 0, not 'nan'"),
        ("l1:border=3", "l1 takes no options, but 'border=3' is given"),
        ("mse_central:border=x", "mse_central: border must be a whole number of at least 0, not 'x'"),
        ("mse_central:border=6,border=9", "mse_central: border is given twice"),
        ("vgg:layer=relu5_4,layer=relu2_2", "vgg: layer is given twice"),
        ("vgg:layer=relu5_5", "vgg: layer must be a layer from conv1_1 to conv5_4 or from relu1_1 to relu5_4, vgg22 or vgg54, not 'relu5_5'"),
        ("vgg:layer=relu1_3", "vgg: layer must be a layer"),
        ("vgg:distance=l2", "vgg: distance must be one of mse, l1, not 'l2'"),
        ("total_variation", "total_variation alone has its minimum at a flat image; add a loss that compares pixels: l1+total_variation"),
        ("checkerboard+0.1*total_variation", "checkerboard+0.1*total_variation alone has its minimum at a flat image"),
    ],
)
def test_a_wrong_loss_is_refused(text, sentence):
    with pytest.raises(RequestError) as refusal:
        parse_loss(text)
    assert sentence in str(refusal.value)


def test_all_problems_are_reported_under_the_flags_name():
    with pytest.raises(RequestError) as refusal:
        parse_loss("l3+0*mse", "content_loss")
    assert str(refusal.value).splitlines() == [
        "--content_loss: no loss 'l3'; did you mean 'l1'?",
        "--content_loss: a weight must be a number above 0, not '0'",
    ]


def test_terms_are_summed_with_their_weights(pair):
    a, b = pair
    values = keras.ops.convert_to_numpy(parse_loss("l1+0.5*mse+mse_central:border=2").build()(a, b))
    a, b = a.astype(float), b.astype(float)
    expected = [np.abs(x - y).mean() + 0.5 * ((x - y) ** 2).mean() + ((x - y) ** 2)[2:-2, 2:-2].mean() for x, y in zip(a, b, strict=True)]
    assert values == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES.get(name).feature_network is None])
def test_a_loss_of_bfloat16_images_is_computed_in_float32(name):
    images = keras.ops.ones((2, 16, 16, 3), "bfloat16")
    values = Loss((LossTerm(1.0, LOSSES.parse(name)),)).build()(images, images)
    assert keras.backend.standardize_dtype(values.dtype) == "float32"
    assert values.shape == (2,)


@pytest.mark.parametrize(
    ("text", "side"),
    [("ssim", 11), ("mse_central", 13), ("mse_central:border=2", 5), ("l1+checkerboard", 16), ("vgg:layer=conv3_1", 4), ("vgg", 16)],
)
def test_patches_that_are_too_small_are_refused(text, side):
    loss = parse_loss(text)
    assert loss.size_problems(side) == []
    (problem,) = loss.size_problems(side - 1)
    assert problem == f"{loss.terms[-1].spec}: needs HR patches of at least {side} x {side}, not {side - 1} x {side - 1}"


@pytest.mark.parametrize("name", ["l1", "ssim", "mse_central"])
def test_the_smallest_patch_still_has_a_loss(name):
    side = LOSSES.get(name).min_patch(LOSSES.parse(name).options)
    images = np.zeros((2, 1, side, side, 3), np.float32)
    assert np.isfinite(parse_loss(name).build()(*images)).all()


def test_a_loss_names_the_networks_that_it_needs():
    assert parse_loss("l1+ssim").feature_networks == ()
    assert parse_loss("l1+vgg+0.1*vgg:layer=vgg22").feature_networks == ("vgg19",)


def test_a_registered_loss_is_used_by_the_text_of_a_flag(pair, restored):
    restored(LOSSES)

    @vf.register_loss(suits_noise=True, min_patch=lambda options: 3 + int(options["exponent"]))
    def test_power(reference, sr, *, exponent=1.5):
        """Mean power of the error."""
        return keras.ops.mean(keras.ops.abs(reference - sr) ** exponent, axis=(1, 2, 3))

    loss = training(loss="l1+0.5*test_power:exponent=3").loss.loss
    assert loss.terms[1] == (0.5, Spec("test_power", {"exponent": 3.0}))
    assert str(loss) == "l1+0.5*test_power:exponent=3"
    a, b = pair
    expected = (np.abs(a - b) + 0.5 * np.abs(a - b) ** 3).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(loss.build()(a, b), expected, rtol=1e-5)
    assert LOSSES.get("test_power").summary == "Mean power of the error. (exponent=1.5)"
    assert loss.size_problems(6) == [] and len(loss.size_problems(5)) == 1


def test_a_registered_factory_gets_the_run(pair, restored):
    restored(LOSSES)

    @vf.register_loss(name="test_offset", is_factory=True, stands_alone=False, min_patch=4)
    def make_offset(context, *, factor=2):
        """The scale, for every image."""
        return lambda reference, sr: keras.ops.zeros(len(reference)) + context.scale * factor

    values = parse_loss("l1+test_offset:3").build(LossContext(scale=4))(pair[0], pair[0])
    np.testing.assert_allclose(values, [12.0] * 3)
    with pytest.raises(RequestError, match="test_offset:factor=2 alone has its minimum"):
        parse_loss("test_offset")
    assert len(parse_loss("l1+test_offset").size_problems(3)) == 1


def test_a_taken_name_is_refused():
    with pytest.raises(RequestError, match="a loss 'l1' is registered already"):
        vf.register_loss(lambda reference, sr: 0.0, name="l1", help="another")
