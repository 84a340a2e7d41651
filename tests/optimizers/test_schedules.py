"""Learning rates and optimizers by name."""

import math

import keras
import numpy as np
import pytest

from visionfw import config
from visionfw.errors import RequestError
from visionfw.optimizers.schedules import learning_rate, optimizer, rate_factors


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
        ("linear", 25, 0.075),
        ("linear", 100, 0),
        ("cosine_restarts", 0, 0.1),
        ("cosine_restarts", 24, 0.1 * 0.5 * (1 + math.cos(math.pi * 24 / 25))),
        ("cosine_restarts", 25, 0.05),
        ("cosine_restarts", 75, 0.0125),
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
    assert optimizer(name, 0.1, 0, 0.25).clipvalue == 0.25


@pytest.mark.parametrize("name", config.SCHEDULES)
def test_a_warm_up_rises_in_a_straight_line_and_hands_over(name):
    rate = learning_rate(name, 0.1, 120, warmup=20)
    assert [float(rate(step)) for step in (0, 9, 19)] == pytest.approx([0.1 / 21, 1 / 21, 2 / 21])
    plain = learning_rate(name, 0.1, 100)
    for step in (0, 40, 99):
        assert float(rate(20 + step)) == pytest.approx(float(plain(step)) if callable(plain) else plain, abs=1e-7)


def test_layers_can_have_rates_of_their_own():
    """One step of plain gradient descent without momentum's memory: the change is the rate times the gradient."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="tail")(keras.layers.Dense(3, name="head")(inputs)))
    factors = rate_factors(model, (("h*", 0.5), ("tail", 0.0)))
    assert set(factors.values()) == {0.5, 0.0}
    data = np.random.default_rng(0).random((8, 4), np.float32), np.ones((8, 1), np.float32)
    start, changes = model.get_weights(), {}
    for name, used in (("plain", None), ("own", factors)):
        model.set_weights(start)
        model.compile(optimizer("sgd", 0.1, 0, factors=used), loss="mse")
        model.train_on_batch(*data)
        changes[name] = [new - old for new, old in zip(model.get_weights(), start, strict=True)]
    for plain, own, factor in zip(changes["plain"], changes["own"], (0.5, 0.5, 0, 0), strict=True):
        np.testing.assert_allclose(own, plain * factor, atol=1e-6)


def test_a_pattern_that_fits_no_layer_is_told():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="conv_tail")(inputs))
    with pytest.raises(RequestError, match="--layer_rates: no layer 'conv_tale'; did you mean 'conv_tail'"):
        rate_factors(model, (("conv_tale", 0.5),))


@pytest.mark.parametrize("name", config.OPTIMIZERS)
def test_every_optimizer_takes_factors(name):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="tail")(inputs))
    model.compile(optimizer(name, 0.1, 0.5, factors=rate_factors(model, (("tail", 0.0),))), loss="mse")
    before = model.get_weights()
    model.train_on_batch(np.ones((2, 4), np.float32), np.ones((2, 1), np.float32))
    np.testing.assert_array_equal(before[1], model.get_weights()[1])
