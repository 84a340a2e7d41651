"""Bytes to a model and back to a loss: the same figures as floats by hand."""

import keras
import numpy as np

from visionfw.imaging.colour import luma
from visionfw.training.losses import l1
from visionfw.training.step import against_bytes, from_bytes, on_bytes


def test_bytes_become_floats_in_0_to_1(photograph):
    made = keras.ops.convert_to_numpy(from_bytes(photograph[None], "rgb"))
    np.testing.assert_allclose(made[0], photograph / 255.0, atol=1e-6)


def test_bytes_become_the_protocols_luma(photograph):
    made = keras.ops.convert_to_numpy(from_bytes(photograph[None], "y"))
    np.testing.assert_allclose(made[0, ..., 0], luma(photograph) / 255.0, atol=1e-6)


def test_the_learner_shares_the_models_weights_and_reads_bytes(photograph):
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(inputs))
    learner = on_bytes(model, "y")
    assert [weight.path for weight in learner.weights] == [weight.path for weight in model.weights]
    patches = photograph[None, :20, :30]
    made = learner.predict_on_batch(patches)
    np.testing.assert_allclose(made, model.predict_on_batch(np.float32(luma(patches[0])[None, ..., None] / 255)), atol=1e-5)
    loss = float(against_bytes(l1, "y")(patches.astype(np.float32), made)[0])
    assert abs(loss - np.abs(luma(patches[0]) / 255 - made[0, ..., 0]).mean()) < 1e-5
