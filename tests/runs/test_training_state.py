"""A training state comes back from its checkpoint as it was, field by field."""

import dataclasses
import math

import keras
import numpy as np
import pytest

from visionfw.errors import VisionfwError
from visionfw.runs.resume import BestValidation, PartialRound, TrainingState, load_checkpoint, save_checkpoint

STATE = TrainingState(
    step=7,
    seconds=12.5,
    best=BestValidation(6, 30.25, 1.5),
    history=[{"step": 6, "loss": 0.1, "val_psnr": 30.25}],
    lowest_loss=0.03,
    partial_round=PartialRound(1, {"loss": 0.2}, np.array([1.5, -2.0], np.float32)),
    sampler={"count": 3, "weights": np.arange(4.0), "rng": {"state": [1, 2]}},
    sampling=[{"round": 0, "drawn": [1, 2]}],
)


def compiled(units=2, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(units), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    return model


def assert_equal(one, other):
    if dataclasses.is_dataclass(one):
        assert type(one) is type(other)
        for field in dataclasses.fields(one):
            assert_equal(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


@pytest.mark.parametrize("state", [STATE, TrainingState()], ids=["used", "new"])
def test_every_field_survives(tmp_path, state):
    for field in dataclasses.fields(TrainingState) if state is STATE else ():
        assert getattr(STATE, field.name) != getattr(TrainingState(), field.name), f"{field.name} is not covered by this test"
    save_checkpoint(tmp_path / "checkpoint.npz", compiled(), state)
    assert_equal(load_checkpoint(tmp_path / "checkpoint.npz", compiled()), state)


def test_an_untrained_state_has_no_lowest_loss():
    assert TrainingState().lowest_loss == math.inf


def test_variables_of_model_optimizer_and_random_generators_survive(tmp_path):
    model, other = compiled(), compiled(seed=1)
    x, y = np.random.default_rng(0).random((2, 8, 2)), np.zeros((8, 2))
    model.fit(np.pad(x[0], ((0, 0), (0, 1))), y, verbose=0, batch_size=2)
    save_checkpoint(tmp_path / "checkpoint.npz", model, STATE)
    load_checkpoint(tmp_path / "checkpoint.npz", other)
    assert int(other.optimizer.iterations.numpy()) == 4
    for ours, theirs in zip(model.variables + model.optimizer.variables, other.variables + other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs))


def test_another_models_checkpoint_is_reported(tmp_path):
    save_checkpoint(tmp_path / "checkpoint.npz", compiled(2), STATE)
    with pytest.raises(VisionfwError, match=r"checkpoint\.npz: cannot be resumed from: .* has the shape \(3, 5\), the checkpoint's \(3, 2\)"):
        load_checkpoint(tmp_path / "checkpoint.npz", compiled(5))
