"""Batch normalization folded into convolutions: the same function with fewer layers."""

import keras
import numpy as np
import pytest

import visionfw as vf


def randomized(model):
    random = np.random.default_rng(0)
    for weight in model.weights:
        low, high = (0.5, 2) if "variance" in weight.path or "gamma" in weight.path else (-0.1, 0.1)
        weight.assign(random.uniform(low, high, weight.shape))
    return model


def test_srresnet_folds_to_the_same_function(photograph):
    d = vf.definition("srresnet", blocks=2)
    model = randomized(vf.build(d))
    folded, made = vf.fold(d, model)
    x = photograph[None, :30, :20].astype("float32") / 255
    np.testing.assert_allclose(made(x, training=False), model(x, training=False), atol=1e-4, rtol=1e-5)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in made.layers)
    assert vf.cost(folded).params == vf.cost(d).params - 5 * 2 * 64


@pytest.mark.parametrize(
    ("layer", "parameters"), [("Conv2DTranspose", {"filters": 3, "strides": 2}), ("DepthwiseConv2D", {"use_bias": False, "depth_multiplier": 1})]
)
def test_other_convolutions_fold_too(layer, parameters):
    d = {"name": "x", "conv": [(0, 1)], "conv_sub": layer, "conv_par": parameters, "norm": [(1, 2)]}
    model = randomized(vf.build(d))
    _, made = vf.fold(d, model)
    x = np.random.default_rng(0).random((1, 5, 6, 3), np.float32)
    np.testing.assert_allclose(made(x, training=False), model(x, training=False), atol=1e-5)
    assert len(made.layers) == 2


def test_a_convolution_that_others_read_is_left_alone():
    d = {"name": "x", "conv": [(0, 1)], "conv_par": {"filters": 3}, "norm": [(1, 2)], "merge": [(1, 2, 3)]}
    folded, _ = vf.fold(d, vf.build(d))
    assert [link[0] for link in folded["links"]] == ["conv", "norm", "merge"]
