"""Global random generators are seeded for a while only."""

import random

import keras
import numpy as np
import pytest

from visionfw.backend import backend_name
from visionfw.backend.randomness import seed_step, seeded


def kernel():
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    return layer.get_weights()[0]


def test_equal_seeds_give_equal_weights():
    with seeded(5):
        first = kernel()
    with seeded(5):
        np.testing.assert_array_equal(kernel(), first)
    with seeded(6):
        assert not np.array_equal(kernel(), first)


def test_the_seed_means_what_keras_means_by_it():
    keras.utils.set_random_seed(5)
    expected = kernel()
    with seeded(5):
        np.testing.assert_array_equal(kernel(), expected)


def test_the_program_around_goes_on_with_its_own_numbers():
    random.seed(1)
    np.random.seed(1)
    expected = [random.random(), np.random.random()]
    random.seed(1)
    np.random.seed(1)
    with pytest.raises(ZeroDivisionError), seeded(5):
        raise ZeroDivisionError
    assert [random.random(), np.random.random()] == expected


def test_a_step_s_seed_repeats_what_layers_draw_past_keras_generators():
    """On PyTorch layers may draw from its global generator; on other backends there is no such state, and nothing happens."""
    if backend_name() != "torch":
        assert seed_step(1, 2) is None
        return
    import torch

    draws = []
    for numbers in ((1, 2), (1, 2), (1, 3)):
        seed_step(*numbers)
        draws.append(float(torch.rand(())))
    assert draws[0] == draws[1] != draws[2]
