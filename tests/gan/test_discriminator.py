"""Discriminators as models of logits."""

import keras
import numpy as np

from visionfw.gan.discriminator import Logits, build_discriminator
from visionfw.graph.checking.check import examine


def test_a_discriminator_may_have_probabilities_alone():
    """Its logits are recovered, also from a dictionary with one output."""
    d = {
        "name": "Prob",
        "inputs": {"image": 0},
        "outputs": {"probability": "p"},
        "conv": [(0, "logit")],
        "conv_par": [{"filters": 1}],
        "activation": [("logit", "p")],
        "activation_sub": "sigmoid",
    }
    model = build_discriminator(examine(d))
    images = np.random.default_rng(0).normal(0, 0.5, (2, 8, 8, 3)).astype(np.float32)
    plain = keras.Model(model.input, model.get_layer("conv_logit").output)
    np.testing.assert_allclose(model(images), plain(images), atol=1e-3)


def test_logits_of_certain_probabilities_are_finite():
    logits = keras.ops.convert_to_numpy(Logits()(np.array([[0.0], [0.5], [1.0]], np.float32)))
    assert np.isfinite(logits).all()
    assert logits[0] < -10 and logits[1] == 0 and logits[2] > 10
