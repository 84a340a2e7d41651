"""The fast layers are Keras' own: equal values, gradients, statistics and weights."""

import keras
import numpy as np
import pytest

from visionfw.layers.fast import BatchNormalization, GroupNormalization, PReLU

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fast path is TensorFlow's")


def values(shape, seed=0):
    return np.random.default_rng(seed).normal(0.3, 1.5, shape).astype(np.float32)


def trained(layer, x, upstream):
    """Return output and the gradients of input and weights after a training call."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        made = layer(x, training=True) if isinstance(layer, keras.layers.BatchNormalization) else layer(x)
        target = tf.reduce_sum(tf.cast(made, "float32") * upstream)
    gradients = tape.gradient(target, [x, *(weight.value for weight in layer.trainable_weights)])
    return [tf.cast(array, "float32").numpy() for array in (made, *gradients)]


def pair(ours, theirs, shape, **parameters):
    """Return a fast layer and Keras' with the same weights."""
    made = ours(**parameters), theirs(**parameters)
    for layer in made:
        layer.build(shape)
    weights = [values(weight.shape, seed) ** (2 if "variance" in weight.path else 1) for seed, weight in enumerate(made[0].weights)]
    for layer in made:
        layer.set_weights(weights)
    return made


@pytest.mark.parametrize("parameters", [{}, {"momentum": 0.5, "epsilon": 1e-4}, {"scale": False}, {"center": False}, {"epsilon": 1e-7}, {"axis": 1}])
def test_normalization_is_keras_own(parameters):
    x, upstream = values((3, 5, 7, 4)), values((3, 5, 7, 4), 1)
    ours, theirs = pair(BatchNormalization, keras.layers.BatchNormalization, x.shape, **parameters)
    for made, expected in zip(trained(ours, x, upstream), trained(theirs, x, upstream), strict=True):
        np.testing.assert_allclose(made, expected, atol=2e-4, rtol=2e-4)
    for made, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(made, expected, atol=1e-5)
    np.testing.assert_allclose(ours(x, training=False), theirs(x, training=False), atol=1e-5)


def test_normalization_of_bfloat16_keeps_its_statistics_in_float32():
    x = values((4, 8, 8, 3))
    ours, theirs = pair(BatchNormalization, keras.layers.BatchNormalization, x.shape, dtype="mixed_bfloat16")
    made, expected = (layer(tf.cast(x, "bfloat16"), training=True) for layer in (ours, theirs))
    assert made.dtype == expected.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(made, "float32"), tf.cast(expected, "float32"), atol=0.05)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=5e-3)


@pytest.mark.parametrize("parameters", [{"groups": 2}, {"groups": 6, "epsilon": 1e-5}, {"groups": 3, "center": False}, {"groups": 1}])
def test_normalization_of_groups_is_keras_own(parameters):
    x, upstream = values((3, 5, 7, 6)), values((3, 5, 7, 6), 1)
    ours, theirs = pair(GroupNormalization, keras.layers.GroupNormalization, x.shape, **parameters)
    for made, expected in zip(trained(ours, x, upstream), trained(theirs, x, upstream), strict=True):
        np.testing.assert_allclose(made, expected, atol=2e-4, rtol=2e-4)


def test_frozen_normalization_does_not_learn():
    x = values((2, 4, 4, 3))
    ours, theirs = pair(BatchNormalization, keras.layers.BatchNormalization, x.shape)
    ours.trainable = theirs.trainable = False
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "parameters"), [((2, 5, 6, 4), {"shared_axes": [1, 2]}), ((2, 5, 6, 4), {}), ((3, 4), {}), ((2, 5, 6, 4), {"shared_axes": [1, 2, 3]})]
)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_prelu_is_keras_own(shape, parameters, dtype):
    x, upstream = values(shape), values(shape, 1)
    ours, theirs = pair(PReLU, keras.layers.PReLU, shape, dtype=dtype, **parameters)
    for made, expected in zip(trained(ours, x, upstream), trained(theirs, x, upstream), strict=True):
        np.testing.assert_allclose(made, expected, atol=2e-5 if dtype == "float32" else 0.25, rtol=1e-4 if dtype == "float32" else 0.05)


def test_they_stand_under_keras_names_and_take_keras_weights(tmp_path):
    import visionfw as vf

    dictionary = {
        "name": "N",
        "conv": [(0, 1)],
        "norm": [(1, 2)],
        "activation": [(2, 3)],
        "activation_sub": "PReLU",
        "activation_par": {"shared_axes": [1, 2]},
        "merge": [(0, 3, 4)],
    }
    dictionary["conv_par"] = {"filters": 3}
    model = vf.build(dictionary, scale=1)
    assert [type(layer) for layer in model.layers if layer.weights and layer.name != "conv_1"] == [BatchNormalization, PReLU]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = values((1, 6, 6, 3))
    np.testing.assert_allclose(again(x), model(x), atol=1e-6)
