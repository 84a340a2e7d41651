"""Schedules, the forward process and single steps back, against closed formulae."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.diffusion.noise_schedule import SCHEDULES, Target, ddim_step, ddpm_step, denoised, noised, read_noise_schedule
from visionfw.errors import RequestError
from visionfw.graph.language.defaults import PREDICTION_OUTPUTS


def test_sr3s_linear_schedule_is_its_products():
    gammas = read_noise_schedule("linear").gammas()
    assert len(gammas) == 2001 and gammas[0] == 1
    expected = 1.0
    for t in range(2000):
        expected *= 1 - (1e-6 + (0.01 - 1e-6) * t / 1999)
        if t in (0, 777, 1999):
            assert gammas[t + 1] == pytest.approx(expected, rel=1e-12)
    assert gammas[-1] < 1e-4


def test_the_cosine_schedule_is_its_formula():
    gammas = read_noise_schedule("cosine:steps=100").gammas()

    def f(t):
        return np.cos((t / 100 + 0.008) / 1.008 * np.pi / 2) ** 2

    for t in (1, 50, 98):
        assert gammas[t] == pytest.approx(f(t) / f(0), rel=1e-9)
    assert gammas[100] == pytest.approx(gammas[99] * 0.001)  # the last beta is held below 0.999


def test_fewer_steps_bring_as_much_noise():
    long, short = (read_noise_schedule(f"linear:steps={steps}").gammas()[-1] for steps in (2000, 500))
    assert np.log(short) == pytest.approx(np.log(long), rel=0.05)


@pytest.mark.parametrize("name", SCHEDULES)
def test_noise_only_grows(name):
    gammas = read_noise_schedule(f"{name}:steps=50").gammas()
    assert (np.diff(gammas) < 0).all() and gammas[-1] > 0


def test_many_small_steps_are_one_large_one():
    """q(x_t | x_0) as DDPM defines it step by step has the mean and the variance of the closed form."""
    gammas = read_noise_schedule("linear:steps=200,first=1e-4,last=0.05").gammas()
    random = np.random.default_rng(0)
    x = np.full(200_000, 0.7)
    for t in range(200):
        beta = 1 - gammas[t + 1] / gammas[t]
        x = np.sqrt(1 - beta) * x + np.sqrt(beta) * random.normal(size=x.shape)
    closed = noised(np.full_like(x, 0.7), random.normal(size=x.shape), gammas[200])
    assert x.mean() == pytest.approx(closed.mean(), abs=0.01)
    assert x.var() == pytest.approx(closed.var(), abs=0.01)


@given(st.floats(0.01, 0.99), st.integers(0, 1000))
def test_denoising_undoes_noising(gamma, seed):
    image, noise = np.random.default_rng(seed).normal(size=(2, 3, 3))
    np.testing.assert_allclose(denoised(noised(image, noise, gamma), noise, gamma), image, atol=1e-9)


@pytest.mark.parametrize("told", PREDICTION_OUTPUTS.values())
@given(st.floats(0.01, 0.99), st.integers(0, 1000))
def test_what_a_network_is_asked_takes_the_noise_off(told, gamma, seed):
    image, noise = np.random.default_rng(seed).normal(size=(2, 3, 3))
    target = Target(told=told)
    np.testing.assert_allclose(target.denoised(noised(image, noise, gamma), target.asked(image, noise, gamma), gamma), image, atol=1e-9)


def test_velocity_is_the_change_along_the_circle_between_image_and_noise():
    """With sqrt(gamma) = cos(phi): the derivative of the noisy image by phi."""
    image, noise, phi, small = 0.3, -1.2, 0.7, 1e-6
    later, before = (noised(image, noise, np.cos(angle) ** 2) for angle in (phi + small, phi - small))
    assert Target(told="v").asked(image, noise, np.cos(phi) ** 2) == pytest.approx((later - before) / (2 * small), rel=1e-6)


def test_a_ddpm_step_is_the_posterior_of_bayes():
    """p(x_s | x_t, x_0) is proportional to q(x_t | x_s) q(x_s | x_0), two normal densities, multiplied here on a fine grid."""
    gamma, before, image, noisy = 0.4, 0.7, 0.3, -0.8
    grid = np.linspace(-6, 6, 200_001)
    ratio = gamma / before
    density = np.exp(-((noisy - np.sqrt(ratio) * grid) ** 2) / (2 * (1 - ratio))) * np.exp(-((grid - np.sqrt(before) * image) ** 2) / (2 * (1 - before)))
    density /= density.sum()
    mean = (grid * density).sum()
    deviation = np.sqrt((np.square(grid - mean) * density).sum())
    assert ddpm_step(noisy, image, gamma, before, 0.0) == pytest.approx(mean, abs=1e-6)
    assert ddpm_step(noisy, image, gamma, before, 1.0) == pytest.approx(mean + deviation, abs=1e-6)


def test_ddim_keeps_the_noise_and_with_eta_one_is_ddpm():
    gamma, before = 0.3, 0.6
    image, noise, fresh = np.random.default_rng(1).normal(size=(3, 4))
    noisy = noised(image, noise, gamma)
    np.testing.assert_allclose(ddim_step(noisy, image, gamma, before, fresh), noised(image, noise, before), atol=1e-12)
    np.testing.assert_allclose(ddim_step(noisy, image, gamma, before, fresh, eta=1.0), ddpm_step(noisy, image, gamma, before, fresh), atol=1e-12)


def test_the_last_step_leaves_no_noise():
    for step in (ddpm_step, ddim_step):
        assert step(0.9, 0.25, 0.99, 1.0, 1.0) == pytest.approx(0.25)


@pytest.mark.parametrize(("count", "expected"), [(4, [100, 75, 50, 25, 0]), (1, [100, 0]), (1000, list(range(100, -1, -1)))])
def test_steps_back_are_spread_evenly(count, expected):
    assert read_noise_schedule("cosine:steps=100").steps_back(count).tolist() == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("linaer", "no schedule 'linaer'; did you mean 'linear'?"),
        ("linear:steps=100,last=0.01", "ends with 0.6 of the image left"),
        ("linear:last=0.9", "ends with 0 of the image left"),
        ("linear:steps=5", "0 < first <= last < 1 must hold, not first=0.0004, last=4"),
        ("linear:step=5", "no parameter 'step'; did you mean 'steps'?"),
        ("cosine:first=1", "no parameter 'first'"),
        ("linear:steps=x", "steps must be a number, not 'x'"),
        ("linear:steps=0", "steps must be at least 1, not 0"),
        ("linear:first=0.5", "0 < first <= last < 1 must hold"),
    ],
)
def test_what_is_wrong_is_told(text, sentence):
    with pytest.raises(RequestError) as told:
        read_noise_schedule(text)
    assert sentence in str(told.value)
