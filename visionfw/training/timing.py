"""The first steps of a training, to say what the whole would take, or how many fit into a time."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from dataclasses import dataclass

import keras

from visionfw.backend.capabilities import uses_tf_data
from visionfw.backend.memory import is_out_of_memory
from visionfw.backend.process_memory import peak_resident_bytes
from visionfw.config import TrainRequest
from visionfw.data.batches import BatchSource
from visionfw.errors import RequestError, VisionfwError
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.analysis.describe import short
from visionfw.io.paths import user_path
from visionfw.runs import directory as runs
from visionfw.training.memory import advice
from visionfw.training.models import TrainingModels, as_batches, compile_for_training, feed, upscaler
from visionfw.training.setup import Log, Plan, prepare, validation_distance

_UNTIMED, _TIMED = 10, 40  # steps
_ENOUGH = 15.0  # seconds after which fewer will do
_VALIDATIONS = 10  # of a run, unless it says otherwise
_LEAST_STEPS = 10


@dataclass(frozen=True)
class StepTiming:
    """How fast a training goes.

    Attributes:
        loss: of the first step.
        step: seconds of a step.
        validation: seconds of a validation.
    """

    loss: float
    step: float
    validation: float

    def seconds(self, request: TrainRequest, steps: int) -> float:
        """Return how long so many steps and their validations take."""
        return self.step * steps + self.validation * -(-steps // validation_distance(request, steps))


def check_first_step(request: TrainRequest, log: Log = print) -> None:
    """Do everything up to the first step, run a few, and say how long the whole would take and what memory it takes (--check)."""
    if request.run_dir is not None:
        runs.refuse_taken(user_path(request.run_dir))
    plan = prepare(request, log)
    cost = compute_cost(plan.checked)
    pace = _pace(plan)
    steps = plan.steps if request.minutes is None else _fitting(request, plan, pace)
    log(f"model: {plan.checked.definition.name}, {cost.params:,} parameters, {short(cost.multiply_adds)} multiply-adds for a 1280x720 output, in {plan.policy}")
    log(f"first step: loss {pace.loss:.5f}; {pace.step * 1000:.0f} ms a step, {pace.validation:.1f} s a validation, memory {_peak_memory()}")
    validations = -(-steps // validation_distance(request, steps))
    log(f"expected: {pace.seconds(request, steps) / 60:.1f} min for {steps} steps and {validations} validations; nothing was written")


def expected_seconds(request: TrainRequest) -> float:
    """Return how long a run's steps and validations would take, by a few of them; nothing is written."""
    plan = prepare(request, lambda line: None)
    return _pace(plan).seconds(request, plan.steps)


def steps_within(request: TrainRequest, log: Log) -> int:
    """Return how many steps, with their validations, a few of them promise within the request's minutes. Raises RequestError where not even ten fit."""
    log("timing some steps and a validation")
    plan = prepare(request, lambda line: None)
    pace = _pace(plan)
    steps = _fitting(request, plan, pace)
    log(f"{request.minutes:g} min at {pace.step * 1000:.0f} ms a step and {pace.validation:.1f} s a validation: {steps} steps")
    gc.collect()  # what was tried is held by cycles, on a device too
    return steps


def _fitting(request: TrainRequest, plan: Plan, pace: StepTiming) -> int:
    """Return the steps that fit, rounded down to two digits: numbers that a tenth, and rounds, divide evenly where there are many."""
    seconds = 60.0 * request.minutes
    if request.validate_every:
        steps = int(seconds / (pace.step + pace.validation / request.validate_every))
    else:
        steps = int((seconds - _VALIDATIONS * pace.validation) / pace.step)
    if steps < _LEAST_STEPS:
        least = math.ceil(pace.seconds(request, _LEAST_STEPS))
        name = plan.checked.definition.name
        raise RequestError(f"--minutes={request.minutes:g}: too little for {name} here: {_LEAST_STEPS} steps and their validations take about {least} s")
    unit = 10 ** (len(str(steps)) - 2)
    return steps // unit * unit


class _Clock(keras.callbacks.Callback):
    """Notes when steps end, and stops when that is enough."""

    def __init__(self, batches: BatchSource, most_seconds: float):
        super().__init__()
        self.batches, self.most_seconds, self.ends, self.loss = batches, most_seconds, [], 0.0

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        loss = float(logs["loss"])  # waits for the device
        self.loss = self.loss if self.ends else loss
        self.ends.append(time.monotonic())
        is_slow = len(self.ends) > 2 and self.ends[-1] - self.ends[0] > self.most_seconds
        if is_slow or len(self.ends) > _UNTIMED + _TIMED:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        self.batches.release_round(epoch + 1)  # no sampler has to learn from these

    def on_train_end(self, logs=None) -> None:
        self.batches.close()

    @property
    def step(self) -> float:
        """Seconds of a step."""
        timed = self.ends[_UNTIMED:] if len(self.ends) > _UNTIMED + 1 else self.ends[-2:]
        return (timed[-1] - timed[0]) / (len(timed) - 1)


def _pace(plan: Plan) -> StepTiming:
    """Train for some steps, as a run does, and validate. Raises VisionfwError where memory does not suffice."""
    try:
        made, batches = compile_for_training(plan), feed(plan)
        if made.parallel.processes > 1 and plan.request.minutes is not None:
            raise RequestError("--minutes: machines that train together must do equally many steps; give --steps")
        clock = _Clock(batches, _ENOUGH if made.parallel.processes == 1 else math.inf)  # several do equally many, by no clock of their own
        with contextlib.closing(batches), made.parallel.active():
            made.learner.fit(
                as_batches(batches, 0, made.parallel, made.takes_both),
                epochs=_UNTIMED + _TIMED + 1,
                steps_per_epoch=plan.round_steps if uses_tf_data() else None,
                callbacks=[clock],
                verbose=0,
                shuffle=False,
            )
        with made.parallel.alone():
            return StepTiming(clock.loss, clock.step, _validation(plan, made))
    except Exception as error:
        if is_out_of_memory(error):
            raise VisionfwError(advice(plan)) from error
        raise


def _validation(plan: Plan, made: TrainingModels) -> float:
    """Return the seconds of a validation; before that an image of each size is enlarged, which compiles the model."""
    enlarge = upscaler(plan, made.twin)
    for case in {case.lr.shape: case for case in plan.cases}.values():
        enlarge(case.lr)
    started = time.monotonic()
    for case in plan.cases:
        case.score_of(case.finish(enlarge(case.lr)))
    return time.monotonic() - started


def _peak_memory() -> str:
    peak = peak_resident_bytes()
    return "unknown on this system" if peak is None else f"{peak / 2**30:.1f} GiB (the most so far)"
