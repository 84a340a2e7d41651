"""Muon: its iteration against the singular values, its step against NumPy, and which kernels it takes."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import visionfw as vf
from visionfw.optimizers.muon import Muon, matrices_of, orthogonal


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 2**31), st.sampled_from([1e-4, 1.0, 1e4]))
@settings(max_examples=25, deadline=None)
def test_the_direction_keeps_the_singular_vectors_and_levels_their_values(rows, columns, seed, size):
    matrix = np.random.default_rng(seed).normal(0, size, (rows, columns)).astype(np.float32)
    made = keras.ops.convert_to_numpy(orthogonal(matrix))
    u, values, v = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    levelled = np.diag(u.T @ made @ v.T)
    large = values > 0.05 * values.max()
    assert (levelled[large] > 0.6).all() and (levelled[large] < 1.3).all()
    assert np.abs(u @ np.diag(levelled) @ v - made).max() < 0.02


def by_hand(kernel, gradients, rate):
    """Momentum 0.95, looking ahead, made orthogonal by the iteration written out, scaled to a root mean square of 0.2."""
    velocity = np.zeros_like(kernel)
    for gradient in gradients:
        velocity = 0.95 * velocity + gradient
        x = (gradient + 0.95 * velocity).reshape(-1, kernel.shape[-1]).T
        x = x / np.linalg.norm(x)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        kernel = kernel - rate * 0.2 * np.sqrt(max(x.shape)) * x.T.reshape(kernel.shape)
    return kernel


def test_a_step_is_its_formula():
    random = np.random.default_rng(0)
    kernel, gradients = random.normal(size=(3, 3, 8, 10)), random.normal(size=(3, 3, 3, 8, 10))
    variable = keras.Variable(kernel.astype(np.float32), name="kernel")
    bias = keras.Variable(np.ones(10, np.float32), name="bias")
    muon, adam = Muon(0.01, [variable.path]), keras.optimizers.Adam(0.01)
    other = keras.Variable(np.ones(10, np.float32), name="other")
    for gradient in gradients.astype(np.float32):
        muon.apply([keras.ops.convert_to_tensor(gradient), keras.ops.convert_to_tensor(gradient[0, 0, 0])], [variable, bias])
        adam.apply([keras.ops.convert_to_tensor(gradient[0, 0, 0])], [other])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), by_hand(kernel, gradients, 0.01), atol=1e-4)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(bias), keras.ops.convert_to_numpy(other), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "count"), [("edsr_small", {"blocks": 3}, 8), ("srcnn", {}, 1), ("srresnet", {"blocks": 2}, 7), ("fsrcnn", {}, 6)]
)
def test_the_first_kernel_and_thin_ones_are_adams(name, arguments, count):
    model = vf.build(vf.definition(name, scale=4, **arguments))
    paths = matrices_of(model)
    kernels = [weight.path for weight in model.trainable_variables if weight.path.endswith("kernel")]
    assert len(paths) == count
    assert kernels[0] not in paths
    assert all(min(weight.shape[-2:]) >= 8 for weight in model.trainable_variables if weight.path in paths)
