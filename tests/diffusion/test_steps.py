"""Single denoising steps against closed formulas."""

import numpy as np
import pytest

import visionfw as vf
from visionfw.config import from_flags
from visionfw.diffusion import SAMPLING
from visionfw.diffusion.steps import ddim_step, ddpm_step
from visionfw.diffusion.target import add_noise
from visionfw.errors import RequestError
from visionfw.evaluation.config import EvaluateConfig


def test_a_ddpm_step_is_the_posterior_of_bayes():
    """p(x_s | x_t, x_0) is proportional to q(x_t | x_s) q(x_s | x_0), two normal densities, multiplied here on a fine grid."""
    gamma, next_gamma, x0, noisy = 0.4, 0.7, 0.3, -0.8
    grid = np.linspace(-6, 6, 200_001)
    ratio = gamma / next_gamma
    density = np.exp(-((noisy - np.sqrt(ratio) * grid) ** 2) / (2 * (1 - ratio))) * np.exp(-((grid - np.sqrt(next_gamma) * x0) ** 2) / (2 * (1 - next_gamma)))
    density /= density.sum()
    mean = (grid * density).sum()
    deviation = np.sqrt((np.square(grid - mean) * density).sum())
    assert ddpm_step(noisy, x0, gamma, next_gamma, 0.0) == pytest.approx(mean, abs=1e-6)
    assert ddpm_step(noisy, x0, gamma, next_gamma, 1.0) == pytest.approx(mean + deviation, abs=1e-6)


def test_ddim_keeps_the_noise_and_with_eta_1_is_ddpm():
    gamma, next_gamma = 0.3, 0.6
    x0, noise, fresh = np.random.default_rng(1).normal(size=(3, 4))
    noisy = add_noise(x0, noise, gamma)
    np.testing.assert_allclose(ddim_step(noisy, x0, gamma, next_gamma, fresh), add_noise(x0, noise, next_gamma), atol=1e-12)
    np.testing.assert_allclose(ddim_step(noisy, x0, gamma, next_gamma, fresh, eta=1.0), ddpm_step(noisy, x0, gamma, next_gamma, fresh), atol=1e-12)


@pytest.mark.parametrize("name", SAMPLING)
def test_the_last_step_leaves_no_noise(name):
    assert SAMPLING.load(name)(0.9, 0.25, 0.99, 1.0, 1.0) == pytest.approx(0.25)


def test_a_step_from_outside_is_used_by_the_text_of_a_flag():
    @vf.register_sampling
    def jump(noisy, x0, gamma, next_gamma, fresh, *, noise=1.0):
        """straight to x0, with fresh noise"""
        return add_noise(x0, noise * fresh, next_gamma)

    spec = from_flags(EvaluateConfig, {"run": "x", "sampling": "jump:noise=0.5"}).sampling.sampling
    assert SAMPLING.load(spec.name)(0.9, 0.25, 0.5, 0.75, 1.0, **spec.options) == pytest.approx(0.75**0.5 * 0.25 + 0.25**0.5 * 0.5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ddmi", "--sampling: no sampling method 'ddmi'"),
        ("ddim:eta=2", "ddim: eta must be a number from 0 to 1, not '2'"),
        ("ddpm:eta=1", "ddpm takes no options"),
    ],
)
def test_a_wrong_step_is_one_line(text, sentence):
    with pytest.raises(RequestError) as error:
        SAMPLING.parse(text, "sampling")
    assert sentence in str(error.value)
