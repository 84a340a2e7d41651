"""Logs for TensorBoard."""

from __future__ import annotations

from typing import Any

import keras

from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState


class StepTensorBoard(keras.callbacks.TensorBoard):
    """Keras' TensorBoard callback, with training steps on the x axis.

    Keras counts epochs, which here are rounds of the sampler: runs with other samplers or batch sizes could not be compared.

    Args:
        run: the run directory.
        state: its `step` counts the steps.
    """

    def __init__(self, run: Run, state: TrainingState):
        super().__init__(str(run.tensorboard), write_graph=False)
        self.state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(self.state.step, logs)
