"""Writes checkpoints, from which a run is resumed exactly."""

from __future__ import annotations

from typing import Any

import keras

from visionfw.data.batches import BatchSource
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState, save_checkpoint
from visionfw.training.callbacks.stopping import StopRequest


class Checkpoint(keras.callbacks.Callback):
    """Writes checkpoint.npz after a validation, when the training is stopped, and at the end of a `fit`.

    Args:
        run: the run directory.
        state: the position in the run; its `sampler` is updated here.
        batches: know the sampler's state before each round.
        total_steps: steps of the whole run.
        stop: whether the training is being stopped.
    """

    def __init__(self, run: Run, state: TrainingState, batches: BatchSource, *, total_steps: int, stop: StopRequest):
        super().__init__()
        self.run, self.state, self.batches, self.total_steps, self.stop = run, state, batches, total_steps, stop

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        is_last_round = epoch + 1 == self.params["epochs"]
        if "val_psnr" in logs or self.stop.is_requested or is_last_round:
            self.state.sampler = self.batches.state_before(self._next_round())
            save_checkpoint(self.run.checkpoint, self.model, self.state)

    def _next_round(self) -> int:
        """Return the number of the round that a resumed run would draw first: the interrupted one, or the one after a complete one."""
        complete, rest = divmod(self.state.step, self.batches.round_steps)
        is_complete = self.state.step == self.total_steps  # even if the last round is a short one
        return complete + 1 if rest and is_complete else complete
