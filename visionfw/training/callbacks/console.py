"""Logs a line for each validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from visionfw.gan import GAN_LOSSES
from visionfw.gan.training import format_metrics, training_warnings
from visionfw.io.progress import duration_text
from visionfw.runs.resume import TrainingState
from visionfw.training.models import TrainingModels
from visionfw.training.setup import Plan


class ConsoleReport(keras.callbacks.Callback):
    """Logs training and validation metrics and the remaining time after a validation, and warnings about adversarial training.

    Args:
        plan: the checked request with its data.
        models: tell what kind of training it is.
        state: the position in the run.
        log: called with each line.
    """

    def __init__(self, plan: Plan, models: TrainingModels, state: TrainingState, log: Callable[[str], None]):
        super().__init__()
        self.plan, self.models, self.state, self.log = plan, models, state, log

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        if "val_psnr" not in logs:
            return
        state, steps = self.state, self.plan.steps
        losses = format_metrics(logs) if self.models.discriminator is not None else f"loss {logs['loss']:.4g}"
        remaining = duration_text(state.seconds / state.step * (steps - state.step))
        self.log(f"step {state.step}/{steps}: {losses}, training {logs['psnr']:.2f} dB, {self._validation_text(logs)}; {remaining} left")
        gan = self.plan.config.gan
        if gan is not None:
            for line in training_warnings(logs, state.history[0]["color_shift"], GAN_LOSSES.get(gan.loss.name).saturates):
                self.log(line)

    def _validation_text(self, logs: Mapping[str, float]) -> str:
        best, psnr = self.state.best, logs["val_psnr"]
        if self.models.keeps_last:
            rank = "kept"
        elif best is None or best.step == self.state.step:
            rank = "best"
        else:
            rank = f"{best.val_psnr - psnr:.3f} below step {best.step}'s"
        return f"validation {psnr:.3f} dB, {logs['val_gain']:+.3f} over {self.plan.eval_images[0].protocol.baseline} ({rank})"
