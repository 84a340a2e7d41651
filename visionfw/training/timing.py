"""Estimates of a training's duration, from a timing run of some steps and a validation."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from visionfw.backend.capabilities import uses_tf_data
from visionfw.backend.memory import is_out_of_memory
from visionfw.backend.process_memory import peak_resident_bytes
from visionfw.config import with_flags
from visionfw.data.batches import BatchSource
from visionfw.errors import RequestError, VisionfwError
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.language.catalog import short
from visionfw.io.progress import duration_text
from visionfw.training.batches import as_batches, batch_source
from visionfw.training.config import TrainConfig
from visionfw.training.memory import advice
from visionfw.training.models import TrainingModels, compile_for_training, upscaler
from visionfw.training.preflight import Preflight, preflight
from visionfw.training.setup import Log, Plan, prepare, validation_interval

_WARMUP_STEPS, _TIMED_STEPS = 10, 40
_MAX_SECONDS = 15.0  # after which fewer steps have to do
_DEFAULT_VALIDATIONS = 10  # of a run without --validate_every
_MIN_STEPS = 10  # of a run of --minutes


@dataclass(frozen=True)
class StepTiming:
    """Measured durations.

    Attributes:
        step: seconds of a training step.
        validation: seconds of a validation.
    """

    step: float
    validation: float

    def total(self, config: TrainConfig, steps: int) -> float:
        """Return the seconds that some steps take together with their validations."""
        return self.step * steps + self.validation * _validations(config, steps)

    def steps_within(self, config: TrainConfig, seconds: float) -> int:
        """Return how many steps fit into some seconds together with their validations.

        The number is rounded down to two digits: a tenth of it, and the rounds in that, are mostly whole numbers then.
        """
        if config.budget.validate_every:
            steps = int(seconds / (self.step + self.validation / config.budget.validate_every))
        else:
            steps = int((seconds - _DEFAULT_VALIDATIONS * self.validation) / self.step)
        unit = 10 ** max(0, len(str(abs(steps))) - 2)
        return steps // unit * unit


def _validations(config: TrainConfig, steps: int) -> int:
    return -(-steps // validation_interval(config, steps))


def dry_run(flight: Preflight, log: Log = print) -> None:
    """Do everything up to the first step and estimate duration and memory, without writing anything anywhere (--dry_run).

    Training images are not decoded: their headers are checked, and the steps are timed on patches of noise. Validation images are read.

    Args:
        flight: the run, as far as it is known without a framework.
        log: called with each line for the user.

    Raises:
        RequestError, VisionfwError: what would keep the run from starting.
    """
    plan = prepare(flight, log, decode=False)
    config, cost, timing = plan.config, compute_cost(plan.checked), measure(plan)
    log(f"model: {plan.checked.definition.name}, {cost.params:,} parameters, {short(cost.multiply_adds)} multiply-adds for a 1280x720 output, in {plan.policy}")
    log(f"speed: {timing.step * 1000:.0f} ms per step, {timing.validation:.1f} s per validation; memory {_peak_memory()}")
    steps = plan.steps if config.budget.minutes is None else _steps_for_minutes(plan, timing)
    estimate = duration_text(timing.total(config, steps))
    log(f"estimate: {estimate} for {steps} steps and {_validations(config, steps)} validations, and the time to decode the images; nothing was written")


def estimate_seconds(request: TrainConfig) -> float:
    """Return the estimated seconds of a run's steps and validations. Nothing is written, as in `dry_run`."""
    plan = prepare(preflight(request), lambda line: None, decode=False)
    return measure(plan).total(plan.config, plan.steps)


def steps_within(plan: Plan, log: Log) -> int:
    """Return the number of steps that fit into the requested minutes together with their validations.

    Raises:
        RequestError: not even ten steps fit.
    """
    log("timing some steps and a validation")
    timing = measure(plan)
    steps = _steps_for_minutes(plan, timing)
    log(f"{plan.config.budget.minutes:g} min at {timing.step * 1000:.0f} ms per step and {timing.validation:.1f} s per validation: {steps} steps")
    gc.collect()  # cycles hold the models of the timing run, on a device too
    return steps


def _steps_for_minutes(plan: Plan, timing: StepTiming) -> int:
    minutes = plan.config.budget.minutes or 0.0
    steps = timing.steps_within(plan.config, 60.0 * minutes)
    if steps < _MIN_STEPS:
        needed = math.ceil(timing.total(plan.config, _MIN_STEPS))
        name = plan.checked.definition.name
        raise RequestError(f"--minutes={minutes:g}: too little for {name} here: {_MIN_STEPS} steps and their validations take about {needed} s")
    return steps


def measure(plan: Plan) -> StepTiming:
    """Train for some steps, as a run does, and validate once.

    Raises:
        RequestError: --minutes with several machines, whose clocks would lead them to different numbers of steps.
        VisionfwError: the memory does not suffice.
    """
    try:
        models = compile_for_training(plan)
        if models.parallel.processes > 1 and plan.config.budget.minutes is not None:
            raise RequestError("--minutes: machines that train together must do equally many steps; give --steps")
        step = _time_steps(plan, models)
        with models.parallel.alone():
            return StepTiming(step, _time_validation(plan, models))
    except Exception as error:
        if is_out_of_memory(error):
            raise VisionfwError(advice(plan)) from error
        raise


class _StepClock(keras.callbacks.Callback):
    """Notes when steps end, and stops the training after enough of them.

    Args:
        batches: their rounds are released at once, because no sampler learns from a timing run.
        max_seconds: after which fewer steps have to do.
    """

    def __init__(self, batches: BatchSource, max_seconds: float):
        super().__init__()
        self.batches, self.max_seconds = batches, max_seconds
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        float((logs or {})["loss"])  # waits for the device
        self.ends.append(time.monotonic())
        is_slow = len(self.ends) > 2 and self.ends[-1] - self.ends[0] > self.max_seconds
        if is_slow or len(self.ends) > _WARMUP_STEPS + _TIMED_STEPS:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.batches.release_round(epoch + 1)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.batches.close()


def _time_steps(plan: Plan, models: TrainingModels) -> float:
    """Return the seconds of a training step; the first steps, which compile, do not count. The patches are drawn uniformly."""
    batches = batch_source(replace(plan, config=with_flags(plan.config, {"sampler": "uniform"})))
    clock = _StepClock(batches, _MAX_SECONDS if models.parallel.processes == 1 else math.inf)  # several machines do equally many steps
    with contextlib.closing(batches), models.parallel.active():
        models.train_model.fit(
            as_batches(batches, 0, models.parallel, models.reads_pairs),
            epochs=_WARMUP_STEPS + _TIMED_STEPS + 1,
            steps_per_epoch=plan.round_steps if uses_tf_data() else None,
            callbacks=[clock],
            verbose=0,
            shuffle=False,
        )
    return mean_step(clock.ends)


def mean_step(ends: Sequence[float]) -> float:
    """Return the mean duration of a step, given when steps ended; of few steps, that of the last one."""
    timed = ends[_WARMUP_STEPS:] if len(ends) > _WARMUP_STEPS + 1 else ends[-2:]
    return (timed[-1] - timed[0]) / (len(timed) - 1)


def _time_validation(plan: Plan, models: TrainingModels) -> float:
    """Return the seconds of a validation. An image of each size is upscaled first, which compiles the model for it."""
    upscale = upscaler(plan, models.eval_model)
    for image in {image.lr.shape: image for image in plan.eval_images}.values():
        upscale(image.lr)
    start = time.monotonic()
    for image in plan.eval_images:
        image.score(image.to_uint8(upscale(image.lr)))
    return time.monotonic() - start


def _peak_memory() -> str:
    peak = peak_resident_bytes()
    return "unknown on this system" if peak is None else f"{peak / 2**30:.1f} GiB at most so far"
