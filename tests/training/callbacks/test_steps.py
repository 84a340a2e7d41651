"""Steps are counted, and a training ends after its last one or on request."""

import types

import pytest

from visionfw.runs.resume import TrainingState
from visionfw.training.callbacks.steps import StepCounter
from visionfw.training.callbacks.stopping import StopRequest


def counter(state, total_steps, stop):
    callback = StepCounter(state, seed=0, total_steps=total_steps, stop=stop)
    callback.set_model(types.SimpleNamespace(stop_training=False))
    return callback


@pytest.mark.parametrize(("done_before", "steps", "is_stopped", "is_over"), [(0, 3, False, False), (7, 3, False, True), (0, 1, True, True)])
def test_the_training_ends_after_the_last_step_or_on_request(done_before, steps, is_stopped, is_over):
    state, stop = TrainingState(step=done_before), StopRequest(is_stopped)
    callback = counter(state, 10, stop)
    for batch in range(steps):
        callback.on_train_batch_begin(batch)
        callback.on_train_batch_end(batch, {})
    assert state.step == done_before + steps
    assert callback.model.stop_training == is_over


def test_the_seconds_before_an_interruption_count():
    state = TrainingState(seconds=100.0)
    counter(state, 10, StopRequest()).on_epoch_end(0, {})
    assert state.seconds >= 100.0
