"""Shows every step of a training, with the run's remaining time."""

from __future__ import annotations

from typing import Any

import keras

from visionfw.io.progress import ProgressReporter
from visionfw.runs.resume import TrainingState


class TrainingProgress(keras.callbacks.Callback):
    """Reports every step with its metrics: on a terminal as a line that is updated in place, else every half minute.

    Args:
        report: what the steps are reported to.
        total_steps: steps of the whole run, so that the remaining time is the run's.
        state: its `step` counts the steps; the counter comes before this callback.
    """

    def __init__(self, report: ProgressReporter, total_steps: int, state: TrainingState):
        super().__init__()
        self.report, self.total_steps, self.state = report, total_steps, state

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        metrics = ", ".join(f"{name} {float(value):.4g}" for name, value in (logs or {}).items())
        self.report(self.state.step, self.total_steps, metrics)
