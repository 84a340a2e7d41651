"""What a run tells and keeps on the way: validation, best and last weights, the curve, the comparison picture."""

from __future__ import annotations

import csv
import io
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from visionfw.checkpoints import save_weights
from visionfw.data.pipeline import Feed
from visionfw.errors import VisionfwError
from visionfw.inference import super_resolve
from visionfw.paths import write_whole
from visionfw.progress import span
from visionfw.runs import Run
from visionfw.training.continuation import Standing, save
from visionfw.training.plan import Plan


class Validation(keras.callbacks.Callback):
    """Validates at the end of rounds by the evaluation protocol, and keeps the best and the last weights and a checkpoint.

    Adds to the logs: `step`, `seconds`, `val_psnr` and `val_gain` (dB over bicubic on the same pixels, or at scale 1 over the degraded image).

    Args:
        trained: the model that learns.
        twin: the float32 model that is validated and kept as the best; it is given the trained model's weights, or their moving
            average where the optimiser keeps one.
        plan: the run's; validations come every `validate_steps`, which is whole rounds.
        run: where weights are kept.
        feed: where the batches come from.
        standing: where the run stands; kept up to date.
        say: called with one line a validation.
    """

    def __init__(
        self,
        trained: keras.Model,
        twin: keras.Model,
        plan: Plan,
        run: Run,
        feed: Feed,
        standing: Standing,
        say: Callable[[str], None],
    ):
        super().__init__()
        self.trained, self.twin, self.run, self.feed, self.standing, self.say = trained, twin, run, feed, standing, say
        self.cases, self.steps, self.round_steps, self.validate_steps = plan.cases, plan.steps, plan.round_steps, plan.validate_steps
        self.is_stopping = False
        self._before, self._started = standing.seconds, time.monotonic()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.standing.step += 1
        if self.standing.step == self.steps or self.is_stopping:  # the last round may be a short one
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        standing, logs = self.standing, {} if logs is None else logs
        standing.seconds = round(self._before + time.monotonic() - self._started, 1)
        logs.update(self._with_what_was_before(logs))
        self.refuse_infinite(standing.step, logs["loss"])
        if standing.step % self.validate_steps and standing.step < self.steps:
            in_round = standing.step % self.round_steps
            standing.partial = {"loss": logs["loss"], "psnr": logs["psnr"], "steps": in_round} if in_round else {}
            if self.is_stopping:
                standing.sampler = self.feed.state_before(standing.step // self.round_steps)
                save(self.run.checkpoint, self.model, standing)
            return
        psnr, gain = self.validate()
        logs.update(step=standing.step, seconds=standing.seconds, val_psnr=psnr, val_gain=gain)
        self._keep(logs)

    def _with_what_was_before(self, logs: Mapping[str, float]) -> dict[str, float]:
        """Return loss and PSNR over the whole round, of which a part may lie before an interruption."""
        before = self.standing.partial
        now = self.standing.step - (self.standing.step - 1) // self.round_steps * self.round_steps - before.get("steps", 0)
        share = now / (now + before.get("steps", 0))
        return {key: float(logs[key]) * share + before.get(key, 0.0) * (1 - share) for key in ("loss", "psnr")}

    def _keep(self, logs: Mapping[str, float]) -> None:
        """Keep the round: its row, the weights, and the checkpoint last, so that it never tells of what is not there."""
        standing = self.standing
        standing.partial = {}
        standing.rows.append({key: logs[key] for key in ("step", "loss", "psnr", "seconds", "val_psnr", "val_gain")})
        is_best = logs["val_psnr"] > standing.best.get("val_psnr", -np.inf)
        if is_best:
            save_weights(self.twin, self.run.best)
            standing.best = {key: logs[key] for key in ("step", "val_psnr", "val_gain")}
        save_weights(self.trained, self.run.last)
        write_history(self.run.history, standing.rows)
        self.run.update(best=standing.best)
        standing.sampler = self.feed.state_before(-(-standing.step // self.round_steps))
        save(self.run.checkpoint, self.model, standing)
        left = standing.seconds / standing.step * (self.steps - standing.step)
        over = self.cases[0].protocol.baseline + (" (best)" if is_best else "")
        said = f"validation {logs['val_psnr']:.3f} dB, {logs['val_gain']:+.3f} over {over}"
        self.say(f"step {standing.step}/{self.steps}: {said}; {span(left)} left")

    def refuse_infinite(self, step: int, loss: float) -> None:
        """Stop where the loss or a weight is not a number any more, before such weights are kept as anything."""
        is_finite = np.isfinite(loss) and all(np.isfinite(weight).all() for weight in self.trained.get_weights())
        if not is_finite:
            best = self.standing.best
            kept = f"the best weights, of step {best['step']}, are kept" if best else "there are no weights to keep"
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

    def __init__(self, steps: int, step: int = 0):
        super().__init__()
        self.bar = keras.utils.Progbar(steps, stateful_metrics=["loss", "psnr"], unit_name="step")
        self.step = step

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.step += 1
        self.bar.update(self.step, list((logs or {}).items()), finalize=False)

    @staticmethod
    def say(line: str) -> None:
        """Print a line in place of the bar, which comes back below it with the next step."""
        print(f"\r\x1b[K{line}", flush=True)


@contextmanager
def stopping_at_signals(validation: Validation) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the training after the step that is under way, for the length of a `with` block; a second one ends it at once."""

    def stop(number, frame):
        if validation.is_stopping:
            raise KeyboardInterrupt
        validation.is_stopping = True

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the history's rows as CSV, whole or not at all. Raises VisionfwError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    try:
        write_whole(path, text.getvalue().encode())
    except OSError as error:
        raise VisionfwError(f"{path}: cannot be written: {error.strerror}") from error
