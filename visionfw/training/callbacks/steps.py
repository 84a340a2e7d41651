"""Counts steps and seconds, and ends the training."""

from __future__ import annotations

import time
from typing import Any

import keras

from visionfw.backend.randomness import seed_step
from visionfw.runs.resume import TrainingState
from visionfw.training.callbacks.stopping import StopRequest


class StepCounter(keras.callbacks.Callback):
    """Counts steps and seconds, seeds every step by its number, and ends the training after the last step or on request.

    Args:
        state: its `step` and `seconds` are kept up to date.
        seed: the run's seed; with the step's number it seeds what the backend draws in that step, so that a resumed run draws the same.
        total_steps: steps of the whole run; the last round may be shorter than the others.
        stop: asks for an end after the current step.
    """

    def __init__(self, state: TrainingState, *, seed: int, total_steps: int, stop: StopRequest):
        super().__init__()
        self.state, self.seed, self.total_steps, self.stop = state, seed, total_steps, stop
        self._seconds_before, self._start = state.seconds, time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        seed_step(self.seed, self.state.step)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.state.step += 1
        if self.state.step == self.total_steps or self.stop.is_requested:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.state.seconds = round(self._seconds_before + time.monotonic() - self._start, 1)
