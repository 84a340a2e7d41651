"""Building the models of a training."""

import random

import numpy as np
from configs import plan_of, training

from visionfw.training.models import compile_for_training


def test_the_random_numbers_of_the_program_around_go_on():
    """Initial weights are drawn from seeded global generators, which are put back."""
    plan = plan_of(training(model_args={"blocks": 1, "filters": 8}, batch_size=2, patch_size=12, steps=2))
    random.seed(1)
    np.random.seed(1)
    expected = [random.random(), np.random.random()]
    random.seed(1)
    np.random.seed(1)
    first, second = (compile_for_training(plan).model.get_weights() for _ in range(2))
    assert [random.random(), np.random.random()] == expected
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
