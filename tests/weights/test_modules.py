"""Keys of many programs -> modules with roles."""

import numpy as np
import pytest

from visionfw.weights.modules import modules_of

ONE = np.ones(1)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["body.0.weight", "body.0.bias", "tail.weight"], {"body.0": ["weight", "bias"], "tail": ["weight"]}),
        (["n.weight", "n.bias", "n.running_mean", "n.running_var", "n.num_batches_tracked"], {"n": ["weight", "bias", "mean", "variance"]}),
        (["weights_conv1", "biases_conv1", "biases_conv2", "weights_conv2"], {"conv1": ["weight", "bias"], "conv2": ["bias", "weight"]}),
        (["model.weight.0", "model.weight.1", "model.bias.0", "model.bias.1"], {"model.0": ["weight", "bias"], "model.1": ["weight", "bias"]}),
        (["net.layers.0.weights.0", "net.layers.0.weights.1", "net.layers.3.weights.0"], {"net.layers.0": ["weight", "bias"], "net.layers.3": ["weight"]}),
        (["conv2d/conv2d/kernel:0", "conv2d/conv2d/bias:0"], {"conv2d/conv2d": ["weight", "bias"]}),
        (["layers/conv2d/vars/0", "layers/conv2d/vars/1"], {"layers/conv2d": ["0", "1"]}),
        (["bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"], {"bn": ["weight", "bias", "mean", "variance"]}),
        (["conv1_f", "conv1_b", "bn1_mult", "bn1_bias", "bn1_moments"], {"conv1": ["weight", "bias"], "bn1": ["weight", "bias", "moments"]}),
        (["arr_0", "arr_1", "learning_rate"], {}),
    ],
)
def test_the_word_that_states_the_role_is_removed_from_the_name(keys, expected):
    found, loose = modules_of(dict.fromkeys(keys, ONE))
    assert loose == (keys if not expected else [])
    assert {name: list(module) for name, module in found.items()} == expected


def test_a_word_inside_a_name_states_no_role():
    keys = ["attn.qkv.weight", "attn.relative_position_bias_table"]
    found, loose = modules_of(dict.fromkeys(keys, ONE))
    assert {name: list(module) for name, module in found.items()} == {"attn.qkv": ["weight"]}
    assert loose == ["attn.relative_position_bias_table"]


def test_weight_normalization_is_multiplied_out():
    random = np.random.default_rng(0)
    direction, length = random.normal(size=(4, 3, 2, 2)), random.normal(size=(4, 1, 1, 1))
    for keys in (("c.weight_g", "c.weight_v"), ("c.parametrizations.weight.original0", "c.parametrizations.weight.original1")):
        found, _ = modules_of(dict(zip(keys, (length, direction), strict=True)))
        expected = [length[n] * direction[n] / np.linalg.norm(direction[n]) for n in range(4)]
        np.testing.assert_allclose(found["c"]["weight"], expected)
