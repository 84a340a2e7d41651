"""Building the models of a training."""

import random

import keras
import numpy as np
import pytest
from configs import plan_of, silent, training

from visionfw.training.fit import train
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


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow traces steps")
@pytest.mark.parametrize(
    "flags",
    [
        {"model_args": {"blocks": 1, "filters": 8}},
        {"model_args": {"blocks": 1, "filters": 8}, "adversarial": "vanilla", "discriminator_args": {"filters": 4, "strided": 2}},
        {"model": "sr3", "model_args": {"filters": 8, "multiples": (1,), "attention": (), "groups": 2}, "sampling_steps": 1, "validate_every": 3},
    ],
    ids=["plain", "adversarial", "diffusion"],
)
def test_the_training_step_is_traced_once(flags, monkeypatch, tmp_path):
    """An optimizer that made its variables inside the first step would have it traced again: seconds, for a deep model."""
    train_step, traced = keras.Model.train_step, []

    def counting(self, *arguments, **options):
        traced.append(self.name)
        return train_step(self, *arguments, **options)

    monkeypatch.setattr(keras.Model, "train_step", counting)
    train(training(**flags, batch_size=2, patch_size=12, steps=3, precision="float32", run_dir=str(tmp_path / "run")), silent)
    assert len(traced) == 1
