"""Steps whose gradient is not finite are counted and change no weight but by momentum."""

import keras
import numpy as np
import pytest

from visionfw.optimizers import OPTIMIZERS
from visionfw.optimizers.build import build_optimizer

ONES = np.ones((3, 2), np.float32)


@pytest.mark.parametrize("name", ["adam", "muon", "sgd"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_first_step_that_is_not_finite_changes_nothing(name, value):
    optimizer, kernel, bias = build_optimizer(OPTIMIZERS.parse(name), 0.1), keras.Variable(ONES), keras.Variable(ONES[0])
    optimizer.apply([value * ONES, ONES[0]], [kernel, bias])
    np.testing.assert_array_equal(kernel, ONES)
    np.testing.assert_array_equal(bias, ONES[0])
    assert int(optimizer.nonfinite_steps) == 1
    optimizer.apply([ONES, ONES[0]], [kernel, bias])
    assert int(optimizer.nonfinite_steps) == 1
    assert (keras.ops.convert_to_numpy(kernel) < ONES).all()


def test_momentum_goes_on_through_such_a_step():
    optimizer, variable = build_optimizer(OPTIMIZERS.parse("sgd:momentum=0.5"), 0.1), keras.Variable(np.zeros(1, np.float32))
    for gradient in (1.0, np.nan, 1.0):
        optimizer.apply([keras.ops.convert_to_tensor([gradient])], [variable])
    assert float(variable[0]) == pytest.approx(-0.1 * (1 + 0.5 + (0.25 + 1)))


def test_building_twice_creates_no_variables_twice():
    optimizer, variable = build_optimizer(OPTIMIZERS.parse("adam"), 0.1), keras.Variable(ONES)
    optimizer.build([variable])
    count = len(optimizer.variables)
    optimizer.build([variable])
    assert len(optimizer.variables) == count
