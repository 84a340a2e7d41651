"""Bytes to a model and back to a loss: the same figures as floats by hand."""

import keras
import numpy as np

from visionfw.imaging.color import luma
from visionfw.layers.uint8_images import uint8_inputs, uint8_targets, uint8_to_float
from visionfw.losses.pixel import l1


def test_bytes_become_floats_in_0_to_1(photograph):
    made = keras.ops.convert_to_numpy(uint8_to_float(photograph[None], "rgb"))
    np.testing.assert_allclose(made[0], photograph / 255.0, atol=1e-6)


def test_bytes_become_the_protocols_luma(photograph):
    made = keras.ops.convert_to_numpy(uint8_to_float(photograph[None], "y"))
    np.testing.assert_allclose(made[0, ..., 0], luma(photograph) / 255.0, atol=1e-6)


def test_the_learner_shares_the_models_weights_and_reads_bytes(photograph):
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(inputs))
    learner = uint8_inputs(model, "y")
    assert [weight.path for weight in learner.weights] == [weight.path for weight in model.weights]
    patches = photograph[None, :20, :30]
    made = learner.predict_on_batch(patches)
    np.testing.assert_allclose(made, model.predict_on_batch(np.float32(luma(patches[0])[None, ..., None] / 255)), atol=1e-5)
    loss = float(uint8_targets(l1, "y")(patches.astype(np.float32), made)[0])
    assert abs(loss - np.abs(luma(patches[0]) / 255 - made[0, ..., 0]).mean()) < 1e-5


def test_a_batch_in_parts_is_the_batch(photograph):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same")(inputs))
    patches = np.stack([photograph[10 * n : 10 * n + 20, :30] for n in range(6)])
    whole, parts = uint8_inputs(model, "rgb"), uint8_inputs(model, "rgb", parts=3)
    np.testing.assert_allclose(parts.predict_on_batch(patches), whole.predict_on_batch(patches), atol=1e-6)
    assert [weight.path for weight in parts.trainable_variables] == [weight.path for weight in model.trainable_variables]
    for learner in (whole, parts):
        model.set_weights([np.full(weight.shape, 0.1, np.float32) for weight in model.weights])
        learner.compile(keras.optimizers.SGD(0.1), "mse")
        learner.train_on_batch(patches, patches[..., :2] / np.float32(255))
        learner.trained = model.get_weights()
    for one, other in zip(whole.trained, parts.trained, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
