"""Measures the model on the validation images, by the evaluation protocol."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from visionfw.imaging.files import write_image
from visionfw.io.files import reporting_write_errors
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState
from visionfw.training.models import TrainingModels, upscaler
from visionfw.training.setup import Plan


class Validation(keras.callbacks.Callback):
    """Adds `step`, `seconds`, `val_psnr` and `val_gain` to the logs when a validation is due.

    Both metrics are means over the validation images in dB; the gain is over bicubic interpolation on the same pixels (at scale 1, over
    the degraded image). The model is measured in float32, with the moving average of its weights if the optimizer keeps one.

    Args:
        plan: the checked request with its data; a validation is due every `validate_steps`, which are whole rounds, and at the end.
        models: the model in training, and its copy for evaluation, which gets the weights.
        run: where a diffusion model's sample of the first image is kept.
        state: the position in the run.
    """

    def __init__(self, plan: Plan, models: TrainingModels, run: Run, state: TrainingState):
        super().__init__()
        self.plan, self.models, self.run, self.state = plan, models, run, state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        step = self.state.step
        if step % self.plan.validate_steps and step < self.plan.steps:
            return
        with self.models.parallel.alone():
            psnr, gain = self.validate()
        logs.update(step=step, seconds=self.state.seconds, val_psnr=psnr, val_gain=gain)

    def validate(self) -> tuple[float, float]:
        """Return the mean PSNR and the mean gain over the validation images, dB."""
        self._update_eval_model()
        upscale, images = upscaler(self.plan, self.models.eval_model), self.plan.eval_images
        outputs = [image.to_uint8(upscale(image.lr)) for image in images]
        if self.models.reads_pairs:
            self._keep_sample(images[0].to_rgb(outputs[0]))
        scores = [image.score(output) for image, output in zip(images, outputs, strict=True)]
        return float(np.mean([score.psnr for score in scores])), float(np.mean([score.gain for score in scores]))

    def _update_eval_model(self) -> None:
        eval_model, train_model = self.models.eval_model, self.models.model
        if eval_model is train_model:
            return
        eval_model.set_weights(train_model.get_weights())
        self.model.optimizer.finalize_variable_values(eval_model.trainable_variables)  # does nothing without a moving average

    def _keep_sample(self, image: np.ndarray) -> None:
        """Write the first validation image's SR, (height, width, 3) uint8, to be shown in a row with those of other steps."""
        with reporting_write_errors(self.run.samples):
            self.run.samples.mkdir(exist_ok=True)
        write_image(self.run.samples / f"step-{self.state.step:07d}.png", image)
