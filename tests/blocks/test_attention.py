"""Channel attention, against its formula."""

import numpy as np

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
