"""Learning rates and optimisers by name."""

import pytest

from visionfw import config
from visionfw.training.schedules import learning_rate, optimizer


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("constant", 50, 0.1),
        ("cosine", 0, 0.1),
        ("cosine", 50, 0.05),
        ("cosine", 100, 0),
        ("step", 49, 0.1),
        ("step", 60, 0.05),
        ("step", 70, 0.025),
        ("step", 99, 0.0125),
    ],
)
def test_a_schedule_over_a_hundred_steps(name, at, expected):
    rate = learning_rate(name, 0.1, 100)
    assert float(rate(at) if callable(rate) else rate) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", config.SCHEDULES)
def test_every_configured_schedule_exists(name):
    assert (name == "constant") == (learning_rate(name, 0.1, 100) == 0.1)


@pytest.mark.parametrize("name", config.OPTIMIZERS)
def test_every_configured_optimizer_exists(name):
    made = optimizer(name, 0.1, 0.5)
    assert type(made).__name__.lower() == name
    assert made.global_clipnorm == 0.5
    assert optimizer(name, 0.1, 0).global_clipnorm is None
