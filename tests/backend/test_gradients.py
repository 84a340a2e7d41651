"""The gradient with respect to an input, on every backend."""

import keras
import numpy as np
import pytest

from visionfw.backend import backend_name
from visionfw.backend.gradients import input_gradient


def test_the_gradient_of_a_cubic():
    x = keras.ops.convert_to_tensor(np.array([1.0, -2.0, 0.5], np.float32))
    gradient = input_gradient(lambda x: keras.ops.sum(x**3), x)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(keras.ops.stop_gradient(gradient)), [3.0, 12.0, 0.75], rtol=1e-6)


@pytest.mark.skipif(backend_name() == "torch", reason="PyTorch's is differentiable by variables alone: its input is detached")
def test_it_can_be_differentiated_in_turn():
    """The gradient of |grad x^3|^2 = 9 x^4 is 36 x^3: what a gradient penalty needs."""
    x = keras.ops.convert_to_tensor(np.array([1.0, -2.0, 0.5], np.float32))
    second = input_gradient(lambda x: keras.ops.sum(input_gradient(lambda x: keras.ops.sum(x**3), x) ** 2), x)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(second), [36.0, -288.0, 4.5], rtol=1e-5)


def test_it_can_be_differentiated_by_a_variable():
    """The gradient of w x^2 at x = 3 is 6 w; its derivative by w is 6."""
    weight = keras.Variable(2.0)
    x = keras.ops.convert_to_tensor(3.0)
    if backend_name() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            first = input_gradient(lambda x: weight * x**2, x)
        derivative = tape.gradient(first, weight.value)
    elif backend_name() == "jax":
        import jax

        derivative = jax.grad(lambda value: input_gradient(lambda x: value * x**2, x))(weight.value)
    else:
        input_gradient(lambda x: weight.value * x**2, x).backward()
        derivative = weight.value.grad
    assert float(derivative) == 6.0
