"""The first steps of a training, to say what the whole would take."""

from __future__ import annotations

import sys
import time

import numpy as np

from visionfw import runs
from visionfw.config import TrainRequest
from visionfw.data.pipeline import given
from visionfw.devices import is_out_of_memory
from visionfw.errors import VisionfwError
from visionfw.graph.cost import measure
from visionfw.graph.describe import short
from visionfw.paths import user_path
from visionfw.training.learner import compile_for_training, feed
from visionfw.training.memory import advice
from visionfw.training.plan import Plan, Say, prepare


def check_first_step(request: TrainRequest, say: Say = print) -> None:
    """Do everything up to the first step, run a few, and say how long the whole would take and what memory it takes (--check)."""
    if request.run_dir is not None:
        runs.refuse_taken(user_path(request.run_dir))
    plan = prepare(request, say)
    cost = measure(plan.checked)
    try:
        loss, step = _first_steps(plan)
    except Exception as error:
        if is_out_of_memory(error):
            raise VisionfwError(advice(plan)) from error
        raise
    say(f"model: {plan.checked.definition.name}, {cost.params:,} parameters, {short(cost.multiply_adds)} multiply-adds for a 1280x720 output, in {plan.policy}")
    say(f"first step: loss {loss:.5f}; {step * 1000:.0f} ms a step, memory {_peak_memory()}")
    say(f"expected: {step * plan.steps / 60:.1f} min for {plan.steps} steps; nothing was written")


def expected_seconds(request: TrainRequest) -> float:
    """Return how long a run's steps would take, by a few of them; nothing is written."""
    plan = prepare(request, lambda line: None)
    return _first_steps(plan)[1] * plan.steps


def _first_steps(plan: Plan, timed: int = 10) -> tuple[float, float]:
    """Return the first step's loss, and how many seconds the steps after it take."""
    made, drawn = compile_for_training(plan), feed(plan)
    drawn.open(timed)  # no sampler has to learn from these
    learner, batches = made.learner, (given(*batch, made.takes_both) for batch in drawn)
    loss = learner.train_on_batch(*next(batches))
    started = time.monotonic()
    for _ in range(timed):
        learner.train_on_batch(*next(batches))
    return float(np.ravel(loss)[0]), (time.monotonic() - started) / timed


def _peak_memory() -> str:
    try:
        import resource
    except ImportError:
        return "unknown on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"{peak / 2**30:.1f} GiB (the most so far)"
