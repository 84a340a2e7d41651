"""The compiled forward pass gives what the model gives, on every backend."""

import gc
import importlib.util
import os
import subprocess
import sys
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.backend import backend_name
from visionfw.backend.forward import forward_pass


def image(height, width):
    return np.random.default_rng(0).random((1, height, width, 3), np.float32)


@pytest.fixture
def model():
    return vf.build(vf.definition("edsr_small", scale=2, blocks=1, filters=8))


@pytest.mark.parametrize("shape", [(9, 12), (16, 7)])
def test_it_gives_what_the_model_gives(model, shape):
    expected = keras.ops.convert_to_numpy(model(image(*shape), training=False))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(forward_pass(model)(image(*shape))), expected, atol=1e-6)


def test_it_follows_the_weights(model):
    run = forward_pass(model)
    before = keras.ops.convert_to_numpy(run(image(8, 8)))
    model.set_weights([weight + 0.1 for weight in model.get_weights()])
    after = keras.ops.convert_to_numpy(run(image(8, 8)))
    np.testing.assert_allclose(after, keras.ops.convert_to_numpy(model(image(8, 8), training=False)), rtol=1e-5)
    assert not np.allclose(before, after)


def test_several_inputs_come_as_a_dictionary_of_batches():
    one, other = keras.Input((None, None, 3), name="one"), keras.Input((1,), name="other")
    model = keras.Model({"one": one, "other": other}, one * keras.ops.reshape(other, (-1, 1, 1, 1)))
    batch = {"one": np.ones((2, 3, 4, 3), np.float32), "other": np.array([[2.0], [3.0]], np.float32)}
    result = keras.ops.convert_to_numpy(forward_pass(model)(batch))
    assert result[0].max() == 2.0
    assert result[1].min() == 3.0


class CountedLayer(keras.layers.Layer):
    """Counts how often its Python code runs."""

    runs = 0

    def call(self, inputs):
        type(self).runs += 1
        return inputs * 2.0


@pytest.mark.skipif(backend_name() == "torch", reason="PyTorch runs it uncompiled")
def test_it_is_compiled_once_for_a_size():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, CountedLayer()(inputs))
    forward_pass(model)(image(8, 8))
    runs = CountedLayer.runs
    forward_pass(model)(image(8, 8))
    assert CountedLayer.runs == runs


class PythonBranch(keras.layers.Layer):
    """Looks at values, which only works uncompiled."""

    def call(self, inputs):
        return inputs * (2.0 if float(keras.ops.convert_to_numpy(inputs).max()) > 0 else 3.0)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def test_a_model_that_cannot_be_compiled_runs_uncompiled():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, PythonBranch()(inputs))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(forward_pass(model)(image(4, 5))), 2 * image(4, 5))


@pytest.mark.skipif(backend_name() != "torch", reason="is about PyTorch's gradients")
def test_no_gradient_is_prepared(model):
    assert not forward_pass(model)(image(8, 8)).requires_grad


def test_it_does_not_keep_its_model_alive():
    model = vf.build(vf.definition("srresnet", scale=2, blocks=1, filters=8))
    forward_pass(model)(image(8, 8))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.slow
@pytest.mark.skipif(backend_name() != "tensorflow", reason="runs once, from the default backend")
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_of_this_on_another_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-m", "not slow", __file__]
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
