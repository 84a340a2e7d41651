"""The fast layers are Keras' own: equal values, gradients, statistics and weights."""

import json
import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import visionfw as vf
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


DICTIONARY = {
    "name": "N",
    "conv": [(0, 1)],
    "conv_par": {"filters": 4},
    "norm": [(1, 2), (2, 3)],
    "norm_sub": ["BatchNormalization", "GroupNormalization"],
    "norm_par": [None, {"groups": 2}],
    "activation": [(3, 4)],
    "activation_sub": "PReLU",
    "activation_par": {"shared_axes": [1, 2]},
    "outputs": {"logits": 4},
}


def test_they_stand_under_keras_names_and_are_saved_as_keras_own(tmp_path):
    model = vf.build(DICTIONARY)
    assert [type(layer) for layer in model.layers[2:]] == [BatchNormalization, GroupNormalization, PReLU]
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    assert {layer["module"] for layer in layers} == {"keras.layers"}
    theirs, ours = keras.saving.load_model(tmp_path / "model.keras"), vf.load(tmp_path / "model.keras")
    assert [type(layer) for layer in theirs.layers[2:]] == [keras.layers.BatchNormalization, keras.layers.GroupNormalization, keras.layers.PReLU]
    x = values((1, 6, 6, 3))
    np.testing.assert_allclose(theirs(x), model(x), atol=1e-6)
    np.testing.assert_array_equal(ours(x), model(x))


@pytest.mark.slow
def test_a_saved_srresnet_loads_in_keras_without_visionfw(tmp_path):
    """At scale 1, where it has no pixel shuffle, which Keras lacks."""
    model = vf.build(vf.definition("srresnet", scale=1, blocks=2, filters=8))
    for number, weight in enumerate(model.weights):
        weight.assign(np.abs(values(weight.shape, number)))
    model.save(tmp_path / "model.keras")
    x = values((1, 8, 9, 3))
    np.save(tmp_path / "x.npy", x)
    code = "import sys; sys.modules['visionfw'] = None\n"
    code += "import keras, numpy as np; model = keras.saving.load_model('model.keras'); np.save('y.npy', model.predict_on_batch(np.load('x.npy')))"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict_on_batch(x), rtol=1e-5)
