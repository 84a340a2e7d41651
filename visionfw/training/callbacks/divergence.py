"""Stops a training whose loss is no longer finite or exploded, and says why."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from visionfw.data.batches import BatchSource
from visionfw.errors import brief
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState
from visionfw.training.diagnosis import Diverged, describe_nonfinite, save_bad_batch
from visionfw.training.models import TrainingModels
from visionfw.training.setup import Plan

_EXPLOSION_FACTOR = 10.0  # a round's mean loss above this many times the lowest one so far is an explosion
_NOISY_FACTOR = 100.0  # the same for rounds too short for a reliable mean
_RELIABLE_STEPS = 32


class DivergenceGuard(keras.callbacks.Callback):
    """Raises Diverged at a step whose loss is not finite, and at the end of a round with non-finite gradients or an exploded loss.

    Args:
        plan: the checked request with its data.
        models: the model in training.
        run: where the patches of a fatal step are kept.
        batches: the training batches.
        state: its `lowest_loss` is kept up to date.
    """

    def __init__(self, plan: Plan, models: TrainingModels, run: Run, batches: BatchSource, state: TrainingState):
        super().__init__()
        self.plan, self.models, self.run, self.batches, self.state = plan, models, run, batches, state

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        if not np.isfinite(logs["loss"]):
            raise Diverged(f"the loss is not finite at step {self.state.step}{self._diagnosis()}; {kept_weights(self.state)}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        state = self.state
        if state.step % self.plan.round_steps:
            return
        nonfinite_steps = int(keras.ops.convert_to_numpy(self.model.optimizer.nonfinite_steps))
        if nonfinite_steps:
            raise Diverged(f"the gradient is not finite in {nonfinite_steps} of the steps up to step {state.step}; {kept_weights(state)}")
        loss = logs[self.models.watched_metric]
        factor = _EXPLOSION_FACTOR if self.plan.round_steps >= _RELIABLE_STEPS else _NOISY_FACTOR
        if loss > factor * state.lowest_loss:
            text = f"the loss exploded: {loss:.4g} in the round up to step {state.step}, {state.lowest_loss:.4g} before"
            raise Diverged(f"{text}; {kept_weights(state)}")
        state.lowest_loss = min(state.lowest_loss, loss)

    def _diagnosis(self) -> str:
        """Return which layer and loss term are not finite, and keep the step's patches."""
        _ = self.model  # Keras' property brings variables up to date on JAX
        step = self.state.step
        try:
            round_number, step_in_round = divmod(step - 1, self.plan.round_steps)
            ids = self.batches.ids_of_round(round_number)[step_in_round]
            lr, hr = self.batches.read(step - 1)
            text = f": {describe_nonfinite(self.models, self.plan, lr[0], hr[0])}"
            return f"{text}; its patches: {save_bad_batch(self.run.folder, self.plan.patches, ids, step)}"
        except Exception as error:  # the diagnosis fails, for example on a full disk: the loss that is not finite is reported all the same
            return f" (no diagnosis: {brief(error)})"


def kept_weights(state: TrainingState) -> str:
    """Return which weights a failed run leaves behind, and what to try."""
    kept = f"the best weights, of step {state.best.step}, are kept" if state.best else "there are no weights to keep"
    return f"{kept}; try a lower --learning_rate or --clip_norm=1, or --on_nan=rollback, which lowers it automatically"
