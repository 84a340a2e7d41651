"""Channel attention against its formula; spatial attention at any size."""

import keras
import numpy as np
import pytest

import visionfw as vf


def test_channel_attention_multiplies_channels_by_what_their_means_decide():
    model = vf.build({"name": "attention", "scale": 1, "links": [(0, "channel_attention", "sr", {"filters": 3, "reduced": 2})]})
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.weights])
    squeeze, squeeze_bias, excite, excite_bias = [np.asarray(weight) for weight in model.get_weights()]
    x = rng.random((2, 5, 7, 3)).astype("float32")
    hidden = np.maximum(x.mean((1, 2)) @ squeeze[0, 0] + squeeze_bias, 0)
    weights = 1 / (1 + np.exp(-(hidden @ excite[0, 0] + excite_bias)))
    np.testing.assert_allclose(model(x), x * weights[:, None, None], rtol=1e-5, atol=1e-6)


def test_the_channel_attention_block_has_hats_parameters():
    d = {"name": "block", "scale": 1, "links": [(0, "channel_attention_block", "sr", {"filters": 3, "compressed": 2, "reduced": 1})]}
    assert vf.cost(d).params == (27 * 2 + 2) + (18 * 3 + 3) + (3 + 1) + (3 + 3)


@pytest.mark.parametrize("convolutions", [1, 3])
def test_spatial_attention_takes_images_that_its_pooling_does_not(convolutions):
    options = {"filters": 3, "reduced": 4, "convolutions": convolutions}
    model = vf.build({"name": "esa", "scale": 1, "links": [(0, "enhanced_spatial_attention", "sr", options)]})
    for size in ((1, 1), (14, 40), (15, 15), (33, 16)):
        x = np.ones((1, *size, 3), "float32")
        weights = keras.ops.convert_to_numpy(model(x))
        assert weights.shape == x.shape and (weights > 0).all() and (weights < 1).all()
    names = {layer.name for layer in model.layers if layer.weights}
    assert {f"block_sr-conv_pooled_{number}" for number in range(1, convolutions + 1)} < names
    assert len(names) == 4 + convolutions
