"""Keeps the best and the last weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from visionfw.runs.checkpoints import save_weights
from visionfw.runs.directory import Run
from visionfw.runs.resume import BestValidation, TrainingState
from visionfw.training.callbacks.divergence import kept_weights
from visionfw.training.diagnosis import Diverged
from visionfw.training.models import TrainingModels


class WeightFiles(keras.callbacks.Callback):
    """Writes best.weights.h5 and last.weights.h5 after a validation, unless a weight is not finite.

    The best weights are those of the highest validation PSNR, or the latest ones where PSNR says little (GANs, diffusion models).

    Args:
        models: the model in training, and its copy for evaluation, whose weights are the best ones.
        run: the run directory.
        state: its `best` is kept up to date.
    """

    def __init__(self, models: TrainingModels, run: Run, state: TrainingState):
        super().__init__()
        self.models, self.run, self.state = models, run, state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        if "val_psnr" not in logs:
            return
        if not all(np.isfinite(weight).all() for weight in self.models.model.get_weights()):
            raise Diverged(f"a weight is not finite at step {self.state.step}; {kept_weights(self.state)}")
        if self.models.keeps_last or self.state.best is None or logs["val_psnr"] > self.state.best.val_psnr:
            save_weights(self.models.eval_model, self.run.best)
            self.state.best = BestValidation(self.state.step, logs["val_psnr"], logs["val_gain"])
        save_weights(self.models.model, self.run.last)
