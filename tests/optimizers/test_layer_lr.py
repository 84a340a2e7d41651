"""Learning rates of single layers."""

import keras
import numpy as np
import pytest

from visionfw.errors import RequestError
from visionfw.optimizers import OPTIMIZERS
from visionfw.optimizers.build import build_optimizer
from visionfw.optimizers.layer_lr import layer_lr_multipliers


def two_layers():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(1, name="tail")(keras.layers.Dense(3, name="head")(inputs)))


def test_layers_have_multiples_of_the_learning_rate():
    """One step of gradient descent: the change is the learning rate times the gradient."""
    model = two_layers()
    multipliers = layer_lr_multipliers(model, (("h*", 0.5), ("tail", 0.0)))
    assert set(multipliers.values()) == {0.5, 0.0}
    data = np.random.default_rng(0).random((8, 4), np.float32), np.ones((8, 1), np.float32)
    start, changes = model.get_weights(), []
    for layer_lr in (None, multipliers):
        model.set_weights(start)
        model.compile(build_optimizer(OPTIMIZERS.parse("sgd"), 0.1, layer_lr=layer_lr), loss="mse")
        model.train_on_batch(*data)
        changes.append([new - old for new, old in zip(model.get_weights(), start, strict=True)])
    for plain, multiplied, factor in zip(*changes, (0.5, 0.5, 0, 0), strict=True):
        np.testing.assert_allclose(multiplied, plain * factor, atol=1e-6)


def test_the_last_pattern_that_matches_a_layer_counts():
    model = two_layers()
    multipliers = layer_lr_multipliers(model, (("*", 0.5), ("head", 2.0)))
    assert multipliers == {"head/kernel": 2.0, "head/bias": 2.0, "tail/kernel": 0.5, "tail/bias": 0.5}


def test_a_pattern_that_matches_no_layer_is_refused():
    with pytest.raises(RequestError, match="--layer_lr: no layer 'heda'; did you mean 'head'"):
        layer_lr_multipliers(two_layers(), (("heda", 0.5),))


@pytest.mark.parametrize("name", ["adam", "adamw", "muon", "sgd", "rmsprop"])
def test_every_optimizer_takes_multipliers(name):
    model = two_layers()
    model.compile(build_optimizer(OPTIMIZERS.parse(name), 0.1, clip_norm=0.5, layer_lr=layer_lr_multipliers(model, (("tail", 0.0),))), loss="mse")
    before = model.get_weights()
    model.train_on_batch(np.ones((2, 4), np.float32), np.ones((2, 1), np.float32))
    after = model.get_weights()
    np.testing.assert_array_equal(before[3], after[3])
    assert (before[1] != after[1]).any()
