"""Noise schedules against their formulas."""

import numpy as np
import pytest
from configs import training

import visionfw as vf
from visionfw.diffusion import NOISE_SCHEDULES, parse_noise_schedule
from visionfw.errors import RequestError


def test_the_schedule_of_sr3_is_the_product_of_its_betas():
    gammas = parse_noise_schedule("linear").gammas()
    assert len(gammas) == 2001 and gammas[0] == 1
    expected = 1.0
    for t in range(2000):
        expected *= 1 - (1e-6 + (0.01 - 1e-6) * t / 1999)
        if t in (0, 777, 1999):
            assert gammas[t + 1] == pytest.approx(expected, rel=1e-12)
    assert gammas[-1] < 1e-4


def test_the_cosine_schedule_is_its_formula():
    gammas = parse_noise_schedule("cosine:steps=100").gammas()

    def f(t):
        return np.cos((t / 100 + 0.008) / 1.008 * np.pi / 2) ** 2

    for t in (1, 50, 98):
        assert gammas[t] == pytest.approx(f(t) / f(0), rel=1e-9)
    assert gammas[100] == pytest.approx(gammas[99] * 0.001)  # the last beta is held below 0.999


def test_fewer_steps_add_as_much_noise():
    long, short = (parse_noise_schedule(f"linear:steps={steps}").gammas()[-1] for steps in (2000, 500))
    assert np.log(short) == pytest.approx(np.log(long), rel=0.05)


def test_betas_that_depend_on_the_steps_are_resolved():
    assert parse_noise_schedule("linear") == parse_noise_schedule("linear:steps=2000,first=1e-6,last=0.01")
    assert parse_noise_schedule("linear:steps=500,first=auto") == parse_noise_schedule("linear:steps=500,first=4e-6,last=0.04")


@pytest.mark.parametrize("name", NOISE_SCHEDULES)
def test_noise_only_grows(name):
    gammas = parse_noise_schedule(f"{name}:steps=50").gammas()
    assert (np.diff(gammas) < 0).all() and gammas[-1] > 0


@pytest.mark.parametrize(("count", "steps"), [(4, [100, 75, 50, 25, 0]), (1, [100, 0]), (1000, list(range(100, -1, -1)))])
def test_sampling_steps_are_evenly_spaced(count, steps):
    assert parse_noise_schedule("cosine:steps=100").sampling_steps(count).tolist() == steps


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("linaer", "--noise_schedule: no noise schedule 'linaer'; did you mean 'linear'?"),
        ("linear:steps=100,last=0.01", "--noise_schedule=linear:steps=100,last=0.01: ends with gamma=0.6; it must be above 1e-15 and below 0.05"),
        ("linear:last=0.9", "ends with gamma=0; it must be above 1e-15 and below 0.05"),
        ("linear:steps=5", "linear: 0 < first <= last < 1 must hold, not first=0.0004, last=4"),
        ("linear:step=5", "linear: no option 'step'; did you mean 'steps'?"),
        ("linear:first=nan", "linear: 0 < first <= last < 1 must hold"),
        ("linear:first=x", "linear: first must be auto or a number, not 'x'"),
        ("linear:steps=500,steps=100", "linear: steps is given twice"),
        ("cosine:first=1", "cosine: no option 'first'"),
        ("linear:steps=x", "linear: steps must be a whole number of at least 1, not 'x'"),
        ("linear:steps=0", "linear: steps must be a whole number of at least 1, not '0'"),
        ("linear:first=0.5", "linear: 0 < first <= last < 1 must hold"),
    ],
)
def test_a_wrong_schedule_is_one_line(text, sentence):
    with pytest.raises(RequestError) as error:
        parse_noise_schedule(text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_schedule_from_outside_is_used_by_the_text_of_a_flag():
    @vf.register_noise_schedule
    def exponential(*, steps=100, last=1e-3):
        """gamma falls exponentially"""
        return last ** (np.arange(steps + 1) / steps)

    schedule = training(model="sr3", noise_schedule="exponential:steps=10,last=0.01").diffusion.noise_schedule
    np.testing.assert_allclose(schedule.gammas(), 0.01 ** np.linspace(0, 1, 11))
    assert schedule.steps == 10
    with pytest.raises(RequestError, match=r"ends with gamma=0\.5"):
        parse_noise_schedule("exponential:last=0.5")


def test_a_schedule_from_outside_must_fall_from_1():
    @vf.register_noise_schedule
    def wrong(*, steps=100):
        """one value too few"""
        return np.linspace(1, 0.01, steps)

    with pytest.raises(RequestError, match="wrong must give 101 values of gamma that fall from 1"):
        parse_noise_schedule("wrong")
