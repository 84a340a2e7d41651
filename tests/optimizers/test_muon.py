"""Muon: its iteration against the singular values, its step against NumPy, and which kernels it trains."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import visionfw as vf
from visionfw.optimizers.muon import Muon, matrices_among, orthogonalize


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 2**31), st.sampled_from([1e-4, 1.0, 1e4]))
@settings(max_examples=25, deadline=None)
def test_the_direction_keeps_the_singular_vectors_and_levels_their_values(rows, columns, seed, size):
    matrix = np.random.default_rng(seed).normal(0, size, (rows, columns)).astype(np.float32)
    direction = keras.ops.convert_to_numpy(orthogonalize(matrix))
    u, values, v = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    leveled = np.diag(u.T @ direction @ v.T)
    large = values > 0.05 * values.max()
    assert (leveled[large] > 0.6).all() and (leveled[large] < 1.3).all()
    assert np.abs(u @ np.diag(leveled) @ v - direction).max() < 0.02


def by_formula(kernel, gradients, learning_rate, momentum):
    """Nesterov momentum, orthogonalized by the iteration written out, scaled to a root mean square of 0.2."""
    velocity = np.zeros_like(kernel)
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        x = (gradient + momentum * velocity).reshape(-1, kernel.shape[-1]).T
        x = x / np.linalg.norm(x)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        kernel = kernel - learning_rate * 0.2 * np.sqrt(max(x.shape)) * x.T.reshape(kernel.shape)
    return kernel


@pytest.mark.parametrize("momentum", [0.95, 0.8])
def test_a_step_is_its_formula(momentum):
    random = np.random.default_rng(0)
    kernel, gradients = random.normal(size=(3, 3, 8, 10)), random.normal(size=(3, 3, 3, 8, 10))
    first, second = (keras.Variable(kernel.astype(np.float32), name="kernel") for _ in range(2))
    bias, adams = keras.Variable(np.ones(10, np.float32), name="bias"), [keras.Variable(kernel.astype(np.float32)), keras.Variable(np.ones(10, np.float32))]
    muon, adam = Muon(0.01, momentum=momentum), keras.optimizers.Adam(0.01)
    for gradient in map(keras.ops.convert_to_tensor, gradients.astype(np.float32)):
        muon.apply([gradient, gradient, gradient[0, 0, 0]], [first, second, bias])
        adam.apply([gradient, gradient[0, 0, 0]], adams)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(second), by_formula(kernel, gradients, 0.01, momentum), atol=1e-4)
    for ours, expected in zip((first, bias), adams, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(expected), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "count"), [("edsr_small", {"blocks": 3}, 8), ("srcnn", {}, 1), ("srresnet", {"blocks": 2}, 7), ("fsrcnn", {}, 6)]
)
def test_the_first_kernel_and_those_of_few_channels_are_adams(name, arguments, count):
    variables = vf.build(vf.definition(name, scale=4, **arguments)).trainable_variables
    matrices = matrices_among(variables)
    kernels = [variable for variable in variables if variable.path.endswith("kernel")]
    assert len(matrices) == count
    assert all(variable is not kernels[0] and min(variable.shape[-2:]) >= 8 for variable in matrices)
