"""Adding and removing noise, encodings and prediction types, against closed formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.diffusion import TARGETS, parse_noise_schedule
from visionfw.diffusion.target import PREDICTION_TYPES, Target, add_noise, remove_noise
from visionfw.graph.language.defaults import PREDICTION_OUTPUTS


def test_many_small_steps_are_one_large_one():
    """q(x_t | x_0) as DDPM defines it step by step has the mean and the variance of the closed form."""
    gammas = parse_noise_schedule("linear:steps=200,first=1e-4,last=0.05").gammas()
    random = np.random.default_rng(0)
    x = np.full(200_000, 0.7)
    for t in range(200):
        beta = 1 - gammas[t + 1] / gammas[t]
        x = np.sqrt(1 - beta) * x + np.sqrt(beta) * random.normal(size=x.shape)
    closed = add_noise(np.full_like(x, 0.7), random.normal(size=x.shape), gammas[200])
    assert x.mean() == pytest.approx(closed.mean(), abs=0.01)
    assert x.var() == pytest.approx(closed.var(), abs=0.01)


@given(st.floats(0.01, 0.99), st.integers(0, 1000))
def test_removing_the_noise_undoes_adding_it(gamma, seed):
    x0, noise = np.random.default_rng(seed).normal(size=(2, 3, 3))
    np.testing.assert_allclose(remove_noise(add_noise(x0, noise, gamma), noise, gamma), x0, atol=1e-9)


@pytest.mark.parametrize("prediction_type", PREDICTION_TYPES)
@given(st.floats(0.01, 0.99), st.integers(0, 1000))
def test_a_perfect_prediction_gives_x0(prediction_type, gamma, seed):
    x0, noise = np.random.default_rng(seed).normal(size=(2, 3, 3))
    target = Target(prediction_type=prediction_type)
    np.testing.assert_allclose(target.predict_x0(add_noise(x0, noise, gamma), target.training_target(x0, noise, gamma), gamma), x0, atol=1e-9)


def test_v_is_the_velocity_along_the_circle_between_image_and_noise():
    """With sqrt(gamma) = cos(phi): the derivative of the noisy image by phi."""
    x0, noise, phi, small = 0.3, -1.2, 0.7, 1e-6
    later, before = (add_noise(x0, noise, np.cos(angle) ** 2) for angle in (phi + small, phi - small))
    assert Target(prediction_type="v").training_target(x0, noise, np.cos(phi) ** 2) == pytest.approx((later - before) / (2 * small), rel=1e-6)


def test_epsilon_is_the_noise():
    assert Target(prediction_type="epsilon").training_target(0.3, -1.2, 0.5) == -1.2


def test_a_dictionary_can_name_every_prediction_type():
    assert set(PREDICTION_OUTPUTS.values()) == set(PREDICTION_TYPES)


@pytest.mark.parametrize("name", TARGETS)
def test_decoding_undoes_encoding(name):
    image, upscaled = np.random.default_rng(0).random((2, 4, 4, 3))
    np.testing.assert_allclose(Target(name).decode(Target(name).encode(image, upscaled), upscaled), image, atol=1e-12)


def test_the_encodings_are_their_formulas():
    assert Target("image").encode(0.75, 0.5) == 0.5
    assert Target("residual").encode(0.75, 0.5) == 1.0
