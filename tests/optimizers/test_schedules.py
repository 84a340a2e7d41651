"""Learning rates over a run by their formulas."""

import math

import pytest

from visionfw.optimizers import SCHEDULES
from visionfw.optimizers.schedules import build_learning_rate

BUILT_IN = ("constant", "cosine", "cosine_restarts", "linear", "step")


def rate_at(rate, step):
    return float(rate(step)) if callable(rate) else rate


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        ("constant", 50, 0.1),
        ("cosine", 0, 0.1),
        ("cosine", 50, 0.05),
        ("cosine", 100, 0),
        ("cosine:final=0.2", 100, 0.02),
        ("cosine:0.2", 50, 0.06),
        ("step", 49, 0.1),
        ("step", 60, 0.05),
        ("step", 70, 0.025),
        ("step", 99, 0.0125),
        ("step:first=0.3,drops=1,factor=0.1", 30, 0.1),
        ("step:first=0.3,drops=1,factor=0.1", 31, 0.01),
        ("step:drops=2", 75, 0.05),
        ("step:drops=2", 76, 0.025),
        ("linear", 25, 0.075),
        ("linear", 100, 0),
        ("linear:final=0.5", 50, 0.075),
        ("cosine_restarts", 0, 0.1),
        ("cosine_restarts", 24, 0.1 * 0.5 * (1 + math.cos(math.pi * 24 / 25))),
        ("cosine_restarts", 25, 0.05),
        ("cosine_restarts", 75, 0.0125),
        ("cosine_restarts:cycles=2,factor=1", 50, 0.1),
    ],
)
def test_a_schedule_over_a_hundred_steps(text, step, expected):
    assert rate_at(build_learning_rate(SCHEDULES.parse(text), 0.1, 100), step) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 7, 100, 6000])
def test_the_step_schedule_drops_at_a_half_two_thirds_and_five_sixths(steps):
    rate = build_learning_rate(SCHEDULES.parse("step"), 1.0, steps)
    assert list(rate.boundaries) == [steps // 2, steps * 2 // 3, steps * 5 // 6]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_warm_up_rises_in_a_straight_line_and_hands_over(name):
    spec = SCHEDULES.parse(name)
    rate = build_learning_rate(spec, 0.1, 120, warmup=20)
    assert [float(rate(step)) for step in (0, 9, 19)] == pytest.approx([0.1 / 21, 1 / 21, 2 / 21])
    plain = build_learning_rate(spec, 0.1, 100)
    for step in (0, 40, 99):
        assert float(rate(20 + step)) == pytest.approx(rate_at(plain, step), abs=1e-7)


def test_a_warm_up_longer_than_the_run_is_still_a_schedule():
    rate = build_learning_rate(SCHEDULES.parse("cosine"), 0.1, 10, warmup=20)
    assert float(rate(9)) == pytest.approx(0.1 * 10 / 21)
