"""Two optimizers in one: each network is updated as by its own optimizer alone."""

import keras
import numpy as np
import pytest

from visionfw.gan.optimizer import GanOptimizer
from visionfw.optimizers import OPTIMIZERS
from visionfw.optimizers.build import build_optimizer


def optimizers(ema=0.0):
    return build_optimizer(OPTIMIZERS.parse("adam"), 0.1, ema=ema), build_optimizer(OPTIMIZERS.parse("sgd"), 0.01)


def variables(count=2):
    return [keras.Variable(np.full(3, number + 1, np.float32)) for number in range(count)]


def gradients(scale=1.0):
    return [keras.ops.convert_to_tensor(scale * np.array([1, 2, 3 + number], np.float32)) for number in range(2)]


def test_both_networks_are_updated_as_by_themselves():
    both, alone = variables(), variables()
    together = GanOptimizer(*optimizers(), both[1:])
    generator, discriminator = optimizers()
    for scale in (1.0, -0.5, 2.0):
        together.apply(gradients(scale), both)
        generator.apply(gradients(scale)[:1], alone[:1])
        discriminator.apply(gradients(scale)[1:], alone[1:])
    for ours, expected in zip(both, alone, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert int(together.iterations) == 3


def test_the_variables_are_known_after_the_first_step():
    both, alone = variables(), variables()
    for optimizer, trained in ((GanOptimizer(*optimizers(), both[1:]), both), (GanOptimizer(*optimizers(), alone[1:]), alone)):
        optimizer.apply(gradients(), trained)
        optimizer.apply(gradients(), *([trained] if trained is both else []))
    np.testing.assert_array_equal(both[0], alone[0])


def test_a_gradient_that_is_not_finite_stops_its_own_network_alone():
    both = variables()
    optimizer = GanOptimizer(*optimizers(), both[1:])
    optimizer.apply([gradients()[0], np.nan * gradients()[1]], both)
    assert int(optimizer.nonfinite_steps) == 1
    assert (keras.ops.convert_to_numpy(both[0]) < 1).all()
    np.testing.assert_array_equal(both[1], [2, 2, 2])


def test_the_average_and_the_learning_rate_are_the_generators():
    both = variables()
    optimizer = GanOptimizer(*optimizers(ema=0.9), both[1:])
    optimizer.apply(gradients(), both)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    final = variables()
    optimizer.finalize_variable_values(final)
    np.testing.assert_array_equal(final[0], both[0])
    np.testing.assert_array_equal(final[1], [2, 2, 2])


def test_the_optimizers_variables_are_all_there_once():
    both = variables()
    optimizer = GanOptimizer(*optimizers(), both[1:])
    optimizer.build(both)
    optimizer.build(both)
    ids = [id(variable) for variable in optimizer.variables]
    assert len(ids) == len(set(ids)) == len(optimizer.generator.variables) + len(optimizer.discriminator.variables) + 2
