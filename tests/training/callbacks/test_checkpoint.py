"""A checkpoint is written after validations and before an end, with the sampler's state before the right round."""

import types

import pytest

from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState
from visionfw.training.callbacks import checkpoint
from visionfw.training.callbacks.checkpoint import Checkpoint
from visionfw.training.callbacks.stopping import StopRequest


class Batches:
    """Rounds of 4 steps; the sampler's state before a round is its number."""

    round_steps = 4

    def state_before(self, number):
        return {"round": number}


@pytest.fixture
def written(monkeypatch):
    files = []
    monkeypatch.setattr(checkpoint, "save_checkpoint", lambda path, model, state: files.append(state.sampler))
    return files


def end_round(tmp_path, step, logs, is_stopped=False, epoch=0):
    callback = Checkpoint(Run(tmp_path), TrainingState(step=step), Batches(), total_steps=10, stop=StopRequest(is_stopped))
    callback.set_model(types.SimpleNamespace())
    callback.set_params({"epochs": 3})
    callback.on_epoch_end(epoch, logs)


@pytest.mark.parametrize(
    ("step", "next_round"),
    [(4, 1), (8, 2), (6, 1), (10, 3)],
    ids=["a complete round", "another one", "an interrupted round is drawn again", "the last round, which is short, is over"],
)
def test_the_samplers_state_is_that_before_the_round_to_go_on_with(tmp_path, written, step, next_round):
    end_round(tmp_path, step, {"val_psnr": 30.0})
    assert written == [{"round": next_round}]


def test_a_round_without_a_validation_is_no_reason_to_write(tmp_path, written):
    end_round(tmp_path, 4, {})
    assert written == []


def test_a_stop_and_the_end_of_a_fit_are(tmp_path, written):
    end_round(tmp_path, 3, {}, is_stopped=True)
    end_round(tmp_path, 3, {}, epoch=2)
    assert len(written) == 2
