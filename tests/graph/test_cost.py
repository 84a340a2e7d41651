"""Costs counted from the dictionary agree with Keras and with published figures."""

import math

import keras
import pytest

import visionfw as vf


@pytest.mark.parametrize(
    ("name", "arguments", "giga", "source"),
    [
        ("srcnn", {"scale": 2}, 52.7, "CARN's table 1: 52.7G"),
        ("vdsr", {"scale": 4}, 612.6, "CARN's table 1: 612.6G"),
        ("edsr", {"scale": 4}, 114.2, "EDSR-baseline: 114.2G in AWSRN's table"),
        ("edsr", {"scale": 2}, 316.3, "EDSR-baseline: 316.3G in AWSRN's table"),
    ],
)
def test_multiply_adds_are_as_published(name, arguments, giga, source):
    assert vf.cost(vf.definition(name, **arguments)).multiply_adds / 1e9 == pytest.approx(giga, abs=0.06), source


def test_fsrcnn_costs_what_its_paper_says_a_pixel():
    assert vf.cost(vf.definition("fsrcnn", scale=2), output=(200, 100)).multiply_adds == 12464 * 100 * 50


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("vdsr", {}, 41),  # stated in the paper
        ("srcnn", {"kernels": (9, 1, 5)}, 13),  # stated in the paper
        ("srcnn", {"kernels": (9, 5, 5)}, 17),
        ("rcan", {"groups": 1, "blocks": 1}, math.inf),
    ],
)
def test_receptive_fields(name, arguments, field):
    assert vf.cost(vf.definition(name, **arguments)).receptive_field == field


def test_strides_and_enlargement_count_in_input_pixels():
    d = {"name": "x", "conv": [(0, 1), (1, 2), (3, 4)], "conv_par": [{"strides": 2}, None, {"filters": 3}], "layer": [(2, 3)], "layer_sub": "Nearest"}
    assert vf.cost(d).receptive_field == 1 + 2 + 2 * 2 + 2


@pytest.mark.parametrize("name", ["edsr", "srresnet", "fsrcnn", "espcn", "srcnn", "vdsr", "edsr_small"])
def test_parameters_are_those_of_the_built_model(name):
    d = vf.definition(name)
    trainable = sum(math.prod(weight.shape) for weight in vf.build(d).trainable_weights)
    assert vf.cost(d).params == trainable


def test_shared_weights_count_once():
    d = {"name": "x", "conv": [(0, 1), (1, 2)], "conv_par": [{"filters": 3}, {"filters": 3, "repeat": 9, "share": "u"}]}
    assert vf.cost(d).params == 2 * 84
    assert vf.cost(d, output=(10, 10)).multiply_adds == 10 * 81 * 100


def conv_block(tensors):
    return keras.layers.Conv2D(3, 5, padding="same")(tensors[0])


def test_a_function_block_is_counted_too():
    d = {"name": "x", "block": [(0, 1), (1, 2)], "block_sub": "conv_block"}
    assert vf.cost(d, output=(10, 10)) == (2 * 228, 2 * 225 * 100, 9)
