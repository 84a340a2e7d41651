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
    d = {"name": "x", "block": [(0, 1), (1, 2)], "block_sub": conv_block}
    assert vf.cost(d, output=(10, 10)) == (2 * 228, 2 * 225 * 100, 9)


def mixed_block(tensors):
    shared = keras.layers.Conv2D(3, 3, padding="same")
    return keras.ops.relu(shared(shared(tensors[0]))) + tensors[0]


def test_a_function_block_may_use_operations_and_a_layer_twice():
    d = {"name": "x", "block": [(0, 1)], "block_sub": "mixed_block", "blocks": {"mixed_block": mixed_block}}
    assert vf.cost(d, output=(10, 10)) == (84, 2 * 81 * 100, 5)


@pytest.mark.parametrize(
    ("layer", "parameters", "field"),
    [
        ("AdaptiveAveragePooling2D", {"output_size": 1}, math.inf),
        ("Softmax", {"axis": [1, 2]}, math.inf),
        ("Softmax", {}, 1),
        ("Permute", {"dims": [2, 1, 3]}, math.inf),
        ("LayerNormalization", {}, 1),
        ("UpSampling2D", {"interpolation": "lanczos3"}, 6),
        ("MaxPooling2D", {"pool_size": 3, "strides": 1, "padding": "same"}, 3),
    ],
)
def test_a_layers_receptive_field_is_never_said_too_small(layer, parameters, field):
    d = {"name": "x", "layer": [(0, 1)], "layer_sub": layer, "layer_par": parameters}
    assert vf.cost(d).receptive_field == field


def test_each_axis_has_its_own_receptive_field():
    d = {"name": "x", "conv": [(0, 1), (1, 2)], "conv_par": [{"kernel_size": [5, 1]}, {"filters": 3, "kernel_size": [1, 3]}]}
    assert vf.cost(d).receptive_field == 5


def test_attention_is_counted():
    d = {"name": "x", "shapes": {"lr": [4, 4, 8]}, "layer": [(0, 1), (1, 1, 2)], "layer_sub": ["Reshape", "MultiHeadAttention"]}
    d |= {"layer_par": [{"target_shape": [16, 8]}, {"num_heads": 2, "key_dim": 4}]}
    assert vf.cost(d).multiply_adds == 4 * 16 * 8 * 8 + 2 * 16 * 16 * 8


def test_an_output_pixel_depends_on_just_its_receptive_field():
    """Brute force: change the input row by row, and see which rows one output pixel depends on."""
    import numpy as np

    d = vf.definition("edsr", blocks=1, filters=4, scale=2)
    model = vf.build(d)
    x = np.random.default_rng(0).random((1, 21, 21, 3)).astype("float32")
    rows = np.repeat(x, 22, axis=0)
    for row in range(21):
        rows[row, row] += 1
    pixel = np.asarray(model(rows))[:, 21, 21]
    assert (np.abs(pixel[:21] - pixel[21]).max(axis=1) > 0).sum() == vf.cost(d).receptive_field


def test_strides_that_do_not_divide_the_image_are_counted_at_the_size_that_it_is_padded_to():
    """1280 / 3 is no whole number of pixels; 427 columns are padded to 428, as a branch that is pooled and enlarged again would be one column short."""
    d = {
        "name": "pooled",
        "scale": 3,
        "conv": [(0, "head"), ("joined", "body"), ("body", "tail")],
        "conv_par": [{"filters": 8}, {"filters": 8}, {"filters": 27}],
        "layer": [("head", "small"), ("small", "large"), ("tail", "sr")],
        "layer_sub": ["AveragePooling2D", "UpSampling2D", "PixelShuffle"],
        "layer_par": [{"pool_size": 4}, {"size": 4}, {"size": 3}],
        "merge": [("head", "large", "joined")],
        "merge_sub": "Concatenate",
    }
    cost = vf.cost(d)
    pixels = 1280 * 720 / 9 * 428 / 427
    assert cost.multiply_adds == pytest.approx(pixels * 9 * (3 * 8 + 16 * 8 + 8 * 27), rel=1e-6)
    assert cost == vf.cost(d, output=(720, 1280))
    assert "pooled" in vf.describe(d)


def test_costs_are_counted_with_the_padding_to_a_multiple():
    d = {"name": "x", "scale": 1, "multiple": 8, "links": [(0, "Conv2D", "sr", {"filters": 3})]}
    assert vf.cost(d, output=(10, 17)).multiply_adds == 16 * 24 * 81
    assert vf.cost(d, output=(16, 24)) == vf.cost(d | {"multiple": 1}, output=(16, 24))
