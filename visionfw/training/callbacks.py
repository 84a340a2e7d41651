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

from visionfw.backend.randomness import seed_step
from visionfw.data.batches import BatchSource
from visionfw.errors import VisionfwError, brief
from visionfw.gan.training import told_of, warnings_of
from visionfw.imaging.files import write_image
from visionfw.io.files import write_bytes
from visionfw.io.progress import ProgressReporter, duration_text
from visionfw.runs.checkpoints import save_weights
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState, save
from visionfw.training.diagnosis import Exploded, keep_batch, where_not_finite
from visionfw.training.models import TrainingModels, upscaler
from visionfw.training.setup import Plan

_EXPLOSION = 10.0  # times the lowest loss of any round; ten times that where a round is too short to tell
_STEPS_ENOUGH = 32


class Validation(keras.callbacks.Callback):
    """Validates at the end of rounds by the evaluation protocol, and keeps the best and the last weights and a checkpoint.

    Adds to the logs: `step`, `seconds`, `val_psnr` and `val_gain` (dB over bicubic on the same pixels, or at scale 1 over the degraded image).

    Args:
        made: what learns; its twin is validated and kept as the best: it is given the model's weights, or their moving average where
            the optimizer keeps one.
        plan: the run's; validations come every `validate_steps`, which is whole rounds.
        run: where weights are kept.
        feed: where the batches come from.
        standing: where the run stands; kept up to date.
        log: called with one line a validation.
    """

    def __init__(
        self,
        made: TrainingModels,
        plan: Plan,
        run: Run,
        feed: BatchSource,
        standing: TrainingState,
        log: Callable[[str], None],
    ):
        super().__init__()
        self.made, self.trained, self.twin, self.run, self.feed, self.standing, self.log = made, made.model, made.twin, run, feed, standing, log
        self.parallel = made.parallel
        self.plan, self.cases, self.steps, self.round_steps, self.validate_steps = plan, plan.cases, plan.steps, plan.round_steps, plan.validate_steps
        self.is_stopping = False
        self._before, self._started = standing.seconds, time.monotonic()

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        seed_step(self.plan.request.seed, self.standing.step)

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.standing.step += 1
        if not np.isfinite(logs["loss"]):
            self._explain(self.standing.step)
        if self.standing.step == self.steps or self.is_stopping:  # the last round may be a short one
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        standing, logs = self.standing, {} if logs is None else logs
        standing.seconds = round(self._before + time.monotonic() - self._started, 1)
        logs.update(self._with_what_was_before(logs))
        if standing.step % self.round_steps == 0:
            self._refuse_explosion(logs[self.made.watched])
        if standing.step % self.validate_steps and standing.step < self.steps:
            in_round = standing.step % self.round_steps
            standing.partial = {key: logs[key] for key in self.made.figures} | {"steps": in_round} if in_round else {}
            if self.is_stopping or epoch + 1 == self.params["epochs"]:
                standing.sampler = self.feed.state_before(standing.step // self.round_steps)
                save(self.run.checkpoint, self.model, standing)
            return
        with self.parallel.alone():
            psnr, gain = self.validate()
        logs.update(step=standing.step, seconds=standing.seconds, val_psnr=psnr, val_gain=gain)
        self._keep(logs)

    def _with_what_was_before(self, logs: Mapping[str, float]) -> dict[str, float]:
        """Return the round's figures over all of it, of which a part may lie before an interruption."""
        before = self.standing.partial
        now = self.standing.step - (self.standing.step - 1) // self.round_steps * self.round_steps - before.get("steps", 0)
        share = now / (now + before.get("steps", 0))
        return {key: float(logs[key]) * share + before.get(key, 0.0) * (1 - share) for key in self.made.figures}

    def _keep(self, logs: Mapping[str, float]) -> None:
        """Keep the round: its row, the weights, and the checkpoint last, so that it never tells of what is not there."""
        standing = self.standing
        if not all(np.isfinite(weight).all() for weight in self.trained.get_weights()):
            raise Exploded(f"a weight is not finite at step {standing.step}; {self._kept()}")
        standing.partial = {}
        standing.rows.append({key: logs[key] for key in ("step", *self.made.figures, "seconds", "val_psnr", "val_gain")})
        is_game, keeps_last = self.made.judge is not None, self.made.keeps_last
        is_best = keeps_last or logs["val_psnr"] > standing.best.get("val_psnr", -np.inf)
        if is_best:
            save_weights(self.twin, self.run.best)
            standing.best = {key: logs[key] for key in ("step", "val_psnr", "val_gain")}
        save_weights(self.trained, self.run.last)
        write_history(self.run.history, standing.rows)
        self.run.update(best=standing.best)
        standing.sampler = self.feed.state_before(-(-standing.step // self.round_steps))
        save(self.run.checkpoint, self.model, standing)
        left = standing.seconds / standing.step * (self.steps - standing.step)
        best = standing.best
        than_best = "kept" if keeps_last else "best" if is_best else f"{best['val_psnr'] - logs['val_psnr']:.3f} below step {best['step']}'s"
        said = f"validation {logs['val_psnr']:.3f} dB, {logs['val_gain']:+.3f} over {self.cases[0].protocol.baseline} ({than_best})"
        learned = told_of(logs) if is_game else f"loss {logs['loss']:.4g}"
        self.log(f"step {standing.step}/{self.steps}: {learned}, training {logs['psnr']:.2f} dB, {said}; {duration_text(left)} left")
        for line in warnings_of(logs, standing.rows[0]["color_shift"], self.plan.request.adversarial) if is_game else ():
            self.log(line)

    def _explain(self, step: int) -> None:
        """Stop at a step whose loss is not a number, and say all that can be found out of it."""
        said = f"the loss is not finite at step {step}"
        _ = self.model  # reading it is what brings JAX' variables up to date
        try:
            ids = self.feed.ids_of_round((step - 1) // self.round_steps)[(step - 1) % self.round_steps]
            lr, hr = self.feed.read(step - 1)
            said += f": {where_not_finite(self.made, self.plan, lr[0], hr[0])}"
            said += f"; its patches: {keep_batch(self.run.folder, self.plan.source, ids, step)}"
        except Exception as error:  # the round was left behind, the disk is full: that the loss is not finite is told all the same
            said += f" (why could not be found out: {brief(error)})"
        raise Exploded(f"{said}; {self._kept()}")

    def _refuse_explosion(self, loss: float) -> None:
        """Stop where a round's loss is many times the lowest so far, before such weights are kept as anything."""
        standing = self.standing
        refused = int(keras.ops.convert_to_numpy(self.model.optimizer.nonfinite_steps))
        if refused:
            raise Exploded(f"the gradient is not finite in {refused} of the steps up to step {standing.step}; {self._kept()}")
        if loss > (_EXPLOSION if self.round_steps >= _STEPS_ENOUGH else 10 * _EXPLOSION) * standing.lowest_loss:
            raise Exploded(f"the loss exploded: {loss:.4g} in the round up to step {standing.step}, {standing.lowest_loss:.4g} before; {self._kept()}")
        standing.lowest_loss = min(standing.lowest_loss, loss)

    def _kept(self) -> str:
        best = self.standing.best
        kept = f"the best weights, of step {best['step']}, are kept" if best else "there are no weights to keep"
        return f"{kept}; a lower --learning_rate or --clip_norm=1 mostly helps, --on_nan=rollback tries that by itself"

    def validate(self) -> tuple[float, float]:
        """Return mean PSNR and gain over the validation images."""
        if self.twin is not self.trained:
            self.twin.set_weights(self.trained.get_weights())
            self.model.optimizer.finalize_variable_values(self.twin.trainable_variables)  # does nothing without a moving average
        enlarge = upscaler(self.plan, self.twin)
        made = [case.finish(enlarge(case.lr)) for case in self.cases]
        if self.made.takes_both:
            self._keep_sample(self.cases[0].pictured(made[0]))
        scores = [case.score_of(levels) for case, levels in zip(self.cases, made, strict=True)]
        return float(np.mean([score.psnr for score in scores])), float(np.mean([score.gain for score in scores]))

    def _keep_sample(self, picture: np.ndarray) -> None:
        """Keep what is made of the first validation image, to be seen in a row with what was made before and comes later."""
        try:
            self.run.samples.mkdir(exist_ok=True)
            write_image(self.run.samples / f"step-{self.standing.step:07d}.png", picture)
        except OSError as error:
            raise VisionfwError(f"{self.run.samples}: cannot be written: {error.strerror}") from error


class Progress(keras.callbacks.Callback):
    """Keras' progress bar over the whole run, so that its ETA is the run's and not a round's."""

    def __init__(self, steps: int, step: int, figures: Sequence[str]):
        super().__init__()
        self.bar = keras.utils.Progbar(steps, stateful_metrics=figures, unit_name="step")
        self.step = step

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.step += 1
        self.bar.update(self.step, list((logs or {}).items()), finalize=False)

    @staticmethod
    def log(line: str) -> None:
        """Print a line in place of the bar, which comes back below it with the next step."""
        print(f"\r\x1b[K{line}", flush=True)


class LogProgress(keras.callbacks.Callback):
    """A line every half minute with the run's ETA, where there is no terminal for a bar."""

    def __init__(self, steps: int, step: int, figures: Sequence[str]):
        super().__init__()
        self.steps, self.step, self.tell = steps, step, ProgressReporter("training, step")

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        self.step += 1
        self.tell(self.step, self.steps)


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
    write_bytes(path, text.getvalue().encode())
