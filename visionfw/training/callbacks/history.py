"""Keeps the history of a run, a row for each validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras

from visionfw.runs.directory import Run
from visionfw.runs.history import write_history
from visionfw.runs.resume import TrainingState


class HistoryFile(keras.callbacks.Callback):
    """Adds a row to history.csv after a validation, and enters the best validation into run.json.

    Args:
        run: the run directory.
        state: its `history` holds the rows.
        names: the training metrics of a row.
    """

    def __init__(self, run: Run, state: TrainingState, *, names: Sequence[str]):
        super().__init__()
        self.run, self.state, self.columns = run, state, ("step", *names, "seconds", "val_psnr", "val_gain")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        if "val_psnr" not in logs:
            return
        self.state.history.append({name: logs[name] for name in self.columns})
        write_history(self.run.history, self.state.history)
        if self.state.best is not None:
            self.run.update(best=asdict(self.state.best))
