"""Blocks of transformers: residual branches, what drop path does in training, and the convolutions that end residual groups."""

import keras
import numpy as np
import pytest
from scipy.special import erf

import visionfw as vf
from visionfw.blocks.transformer import residual_convolution


def model_of(block, **parameters):
    d = {"name": "block", "scale": 1, "links": [(0, "Conv2D", "in", {"filters": 8}), ("in", block, "out", parameters), ("out", "Conv2D", "sr", {"filters": 3})]}
    return vf.build(d)


def weights_of(model, name):
    return [np.asarray(weight, np.float64) for weight in model.get_layer(name).get_weights()]


def normalized(x, scale, offset):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale + offset


def test_a_transformer_layer_is_two_residual_branches_behind_normalizations():
    model = model_of("transformer_layer", attention="ChannelSlice", attention_options={"start": 0}, mlp_options={"filters": 8, "hidden": 5})
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.weights])
    inner = keras.Model(model.get_layer("conv_in").output, model.get_layer("block_out-merge_out").output)
    x = rng.normal(size=(1, 3, 4, 8)) * 0.01
    middle = x + normalized(x, *weights_of(model, "block_out-norm_norm1"))
    kernel, bias = weights_of(model, "block_out-block_mlp-layer_fc1")
    hidden = normalized(middle, *weights_of(model, "block_out-norm_norm2")) @ kernel + bias
    hidden = hidden * 0.5 * (1 + erf(hidden / np.sqrt(2)))
    kernel, bias = weights_of(model, "block_out-block_mlp-layer_fc2")
    np.testing.assert_allclose(inner(x.astype("float32")), middle + hidden @ kernel + bias, rtol=1e-4, atol=1e-4)


def test_drop_path_skips_whole_branches_of_an_image_in_training_only():
    model = model_of("swin_layer", filters=8, heads=2, window=4, hidden=16, drop_path=0.5)
    inner = keras.Model(model.get_layer("conv_in").output, model.get_layer("block_out-merge_sum").output)
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 8)).astype("float32").repeat(64, 0)
    kept = np.asarray(inner(x, training=False)) - x
    trained = np.asarray(inner(x, training=True)) - x
    is_dropped = np.abs(trained).max((1, 2, 3)) == 0
    assert 10 < is_dropped.sum() < 54
    np.testing.assert_allclose(trained[~is_dropped], 2 * kept[~is_dropped], atol=1e-4)


@pytest.mark.parametrize(("kind", "count"), [("1conv", 584), ("3conv", 146 + 6 + 152), ("identity", 0)])
def test_residual_groups_end_in_one_convolution_or_three(kind, count):
    assert model_of("residual_convolution", filters=8, kind=kind).count_params() == (27 * 8 + 8) + count + (72 * 3 + 3)


def test_another_kind_of_convolution_is_refused():
    with pytest.raises(ValueError, match="kind must be '1conv', '3conv' or 'identity', not '2conv'"):
        residual_convolution(kind="2conv")
