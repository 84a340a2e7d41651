"""Losses by their formulas."""

import numpy as np
import pytest

from visionfw import config
from visionfw.training.losses import LOSSES


@pytest.mark.parametrize(
    ("name", "formula"),
    [("l1", lambda d: np.abs(d).mean()), ("mse", lambda d: (d**2).mean()), ("charbonnier", lambda d: np.sqrt(d**2 + 1e-6).mean())],
)
def test_a_loss_is_its_formula(name, formula):
    random = np.random.default_rng(0)
    a, b = random.random((2, 3, 8, 8, 3), np.float32)
    assert float(LOSSES[name](a, b)) == pytest.approx(formula(a.astype(float) - b), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_bfloat16_is_computed_in_float32(name):
    import keras

    a = keras.ops.ones((1, 4, 4, 3), "bfloat16")
    assert LOSSES[name](a, a).dtype == "float32"


def test_the_names_are_the_configurations():
    assert sorted(LOSSES) == sorted(config.LOSSES)
