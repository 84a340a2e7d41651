"""What a run tells and keeps on the way: validation, best and last weights, the curve, the comparison picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from visionfw.checkpoints import save_weights
from visionfw.errors import VisionfwError
from visionfw.evaluation.protocol import Case
from visionfw.inference import super_resolve
from visionfw.progress import span
from visionfw.runs import Run


class Validation(keras.callbacks.Callback):
    """Validates at the end of every round by the evaluation protocol, and keeps the best and the last weights.

    Adds to the logs: `step`, `seconds`, `val_psnr` and `val_gain` (dB over bicubic on the same pixels, or at scale 1 over the degraded image).

    Args:
        trained: the model that learns.
        twin: the float32 model that is validated and kept as the best; it is given the trained model's weights, or their moving
            average where the optimiser keeps one.
        cases: the validation images.
        run: where weights are kept.
        steps: steps of the whole run.
        say: called with one line a validation.
    """

    def __init__(self, trained: keras.Model, twin: keras.Model, cases: Sequence[Case], run: Run, steps: int, say: Callable[[str], None]):
        super().__init__()
        self.trained, self.twin, self.cases, self.run = trained, twin, cases, run
        self.steps, self.say = steps, say
        self.best: dict[str, Any] = {}
        self.step = 0
        self.started = time.monotonic()

    def on_train_begin(self, logs=None) -> None:
        self.started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.step += 1
        if self.step == self.steps:  # the last round may be a short one
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        step = self.step
        self.refuse_infinite(step, (logs or {}).get("loss", 0.0))
        psnr, gain = self.validate()
        seconds = time.monotonic() - self.started
        if logs is not None:
            logs.update(step=step, seconds=round(seconds, 1), val_psnr=psnr, val_gain=gain)
        save_weights(self.trained, self.run.last)
        is_best = psnr > self.best.get("val_psnr", -np.inf)
        if is_best:
            save_weights(self.twin, self.run.best)
            self.best = {"step": step, "val_psnr": psnr, "val_gain": gain}
            self.run.update(best=self.best)
        left = seconds / step * (self.steps - step)
        over = self.cases[0].protocol.baseline + (" (best)" if is_best else "")
        self.say(f"step {step}/{self.steps}: validation {psnr:.3f} dB, {gain:+.3f} over {over}; {span(left)} left")

    def refuse_infinite(self, step: int, loss: float) -> None:
        """Stop where the loss or a weight is not a number any more, before such weights are kept as anything."""
        is_finite = np.isfinite(loss) and all(np.isfinite(weight).all() for weight in self.trained.get_weights())
        if not is_finite:
            kept = f"the best weights, of step {self.best['step']}, are kept" if self.best else "there are no weights to keep"
            raise VisionfwError(f"the loss is not finite at step {step}; {kept}; a lower --learning_rate or --clip_norm=1 mostly helps")

    def validate(self) -> tuple[float, float]:
        """Return mean PSNR and gain over the validation images."""
        if self.twin is not self.trained:
            self.twin.set_weights(self.trained.get_weights())
            self.model.optimizer.finalize_variable_values(self.twin.trainable_variables)  # does nothing without a moving average
        scores = [case.score(lambda lr: super_resolve(self.twin, lr)) for case in self.cases]
        return float(np.mean([score.psnr for score in scores])), float(np.mean([score.gain for score in scores]))


class Progress(keras.callbacks.Callback):
    """Keras' progress bar over the whole run, so that its ETA is the run's and not a round's."""

    def __init__(self, steps: int):
        super().__init__()
        self.bar = keras.utils.Progbar(steps, stateful_metrics=["loss", "psnr"], unit_name="step")
        self.step = 0

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.step += 1
        self.bar.update(self.step, list((logs or {}).items()), finalize=False)

    @staticmethod
    def say(line: str) -> None:
        """Print a line in place of the bar, which comes back below it with the next step."""
        print(f"\r\x1b[K{line}", flush=True)
