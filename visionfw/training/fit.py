"""One training run, from a checked request to a run directory."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from visionfw.backend.capabilities import uses_tf_data
from visionfw.backend.memory import is_out_of_memory
from visionfw.data.batches import BatchSource
from visionfw.errors import RequestError, VisionfwError
from visionfw.io.files import remove_partial_files
from visionfw.io.progress import ProgressReporter
from visionfw.runs import directory
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState, load_checkpoint
from visionfw.samplers import SAMPLERS, score_of
from visionfw.training.batches import as_batches, batch_source, patch_statistic
from visionfw.training.callbacks import training_callbacks
from visionfw.training.callbacks.stopping import stop_at_signals
from visionfw.training.config import TrainConfig
from visionfw.training.diagnosis import Diverged
from visionfw.training.memory import advice
from visionfw.training.models import TrainingModels, compile_for_training
from visionfw.training.pictures import draw_results, draw_sampling
from visionfw.training.preflight import Preflight, preflight
from visionfw.training.record import record_early_end, record_of, write_models
from visionfw.training.sampling import SamplingHistory
from visionfw.training.scores import SamplerFeedback
from visionfw.training.setup import Log, Plan, prepare, with_steps
from visionfw.training.timing import steps_within


def train(request: TrainConfig, log: Log = print, resume: bool = False) -> Run:
    """Train a model.

    Args:
        request: the run; with `resume`, the one that the run was started with.
        log: called with each line for the user.
        resume: continue the run in `request.runtime.run_dir` from its last checkpoint, to the same result.

    Returns:
        The run directory.

    Raises:
        RequestError: a name, file, dictionary or combination is wrong; nothing was written.
        VisionfwError: an image could not be read, the disk is full, the loss exploded, or the run cannot be resumed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the run was saved first.
    """
    own = directory.find(request.runtime.run_dir or directory.LATEST) if resume else None
    return fit(preflight(request, own), log, own)


@dataclass
class _Training:
    """A training under way; `models` and `state` are replaced when the run returns to a checkpoint."""

    plan: Plan
    models: TrainingModels
    run: Run
    state: TrainingState
    log: Log
    progress: ProgressReporter | None


def fit(flight: Preflight, log: Log = print, own: Run | None = None) -> Run:
    """Train what was found out about so far; `own` is the run itself where it is resumed. Returns and raises as `train` does."""
    log = log if directory.is_writer() else _silent
    plan = _planned(flight, log, own)
    training = _resumed(plan, own, log) if own is not None else _started(plan, log)
    run, config = training.run, plan.config
    log = training.log
    log(f"{plan.checked.definition.name} x{config.model.scale} in {plan.policy}: {plan.steps} steps of {config.budget.batch_size} patches into {run.folder}")
    run.update(state="started")
    try:
        _train_to_end(training)
    except BaseException as error:
        reported = VisionfwError(advice(plan)) if is_out_of_memory(error) else error
        record_early_end(run, reported)
        raise reported from (error if reported is not error else None)
    run.update(state="done", seconds=training.state.seconds)
    _illustrate(training)
    return run


def _silent(line: str) -> None:
    """Log nothing: only the first of several processes does."""


def _planned(flight: Preflight, log: Log, own: Run | None) -> Plan:
    """Return the plan, with the number of steps that a limit in minutes comes to."""
    if flight.config.budget.minutes is None:
        return prepare(flight, log)
    if own is not None:
        return prepare(flight, log, own.read()["steps"])
    plan = prepare(flight, log)
    return with_steps(plan, steps_within(plan, log))


def _training(plan: Plan, models: TrainingModels, run: Run, state: TrainingState, log: Log) -> _Training:
    progress = ProgressReporter("training, step") if log is print else None
    return _Training(plan, models, run, state, progress.log if progress is not None else log, progress)


def _started(plan: Plan, log: Log) -> _Training:
    """Build the models, and then make the run's directory."""
    models = compile_for_training(plan)
    for remark in models.remarks:
        log(remark)
    run = _new_run(plan, record_of(plan))
    write_models(plan, models, run)
    return _training(plan, models, run, TrainingState(), log)


def _resumed(plan: Plan, run: Run, log: Log) -> _Training:
    """Build the models as they were at a run's last checkpoint, or at its start where it has none."""
    if run.read().get("data", {}).get("fingerprint") != plan.patches.store.fingerprint():
        raise RequestError(f"--resume: the training images of {run.folder} have changed since it was started")
    models = compile_for_training(plan, 0.5 ** _rollbacks(run))
    if directory.is_writer():
        remove_partial_files(run.folder)
        write_models(plan, models, run)
    state = load_checkpoint(run.checkpoint, models.train_model) if run.checkpoint.exists() else TrainingState()
    log(f"resuming at step {state.step} of {plan.steps}")
    return _training(plan, models, run if directory.is_writer() else _copied(run, plan), state, log)


def _new_run(plan: Plan, values: Mapping[str, Any]) -> Run:
    """Create the run's directory; that of a process that does not write runs is removed at its end."""
    if not directory.is_writer():
        folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return directory.create(folder, "", values)
    model = plan.config.model
    return directory.create(plan.config.runtime.run_dir, f"{Path(model.name.partition(':')[0]).stem}_x{model.scale}", values)


def _copied(run: Run, plan: Plan) -> Run:
    """Make a directory for a process that does not write runs, with all that a rollback needs."""
    own = _new_run(plan, {"rollbacks": _rollbacks(run)})
    if run.checkpoint.exists():
        shutil.copy(run.checkpoint, own.checkpoint)
    return own


def _rollbacks(run: Run) -> int:
    return run.read().get("rollbacks", 0)


def _train_to_end(training: _Training) -> None:
    """Train, returning to the last checkpoint where the loss explodes and that was asked for."""
    runtime = training.plan.config.runtime
    while True:
        try:
            _train_rounds(training)
            return
        except Diverged as error:
            if runtime.on_nan != "rollback" or _rollbacks(training.run) >= runtime.max_rollbacks:
                raise
            _roll_back(training, error)


def _roll_back(training: _Training, reason: Diverged) -> None:
    """Return to the last checkpoint, or to the start, at half the learning rate."""
    run, limit = training.run, training.plan.config.runtime.max_rollbacks
    rollbacks = _rollbacks(run) + 1
    run.update(rollbacks=rollbacks)
    training.models = compile_for_training(training.plan, 0.5**rollbacks)
    training.state = load_checkpoint(run.checkpoint, training.models.train_model) if run.checkpoint.exists() else TrainingState()
    training.log(f"{reason}; back to step {training.state.step}, learning rate x {0.5**rollbacks:g} (rollback {rollbacks} of {limit})")


def _train_rounds(training: _Training) -> None:
    """Fit from the run's current step to its end: the rest of an interrupted round first, then whole rounds."""
    plan, models, state = training.plan, training.models, training.state
    while state.step < plan.steps:
        round_number, in_round = divmod(state.step, plan.round_steps)
        batches = batch_source(plan, round_number, state.sampler)
        feedback = _sampler_feedback(training, batches)
        with stop_at_signals() as stop, contextlib.closing(batches), models.parallel.active():
            models.train_model.fit(
                as_batches(batches, state.step, models.parallel, models.reads_pairs),
                initial_epoch=round_number,
                epochs=round_number + 1 if in_round else plan.rounds,
                steps_per_epoch=plan.round_steps - in_round if uses_tf_data() else None,
                callbacks=training_callbacks(
                    plan, models, training.run, batches, state, feedback=feedback, stop=stop, log=training.log, progress=training.progress
                ),
                verbose=0,
                shuffle=False,
            )
        if stop.is_requested and state.step < plan.steps:
            training.log(f"stopped at step {state.step}; resume with --resume --run_dir={training.run.folder}")
            raise KeyboardInterrupt
        if state.step < plan.steps:
            load_checkpoint(training.run.checkpoint, models.train_model)  # Keras ends a fit by copying the moving average into the weights


def _sampler_feedback(training: _Training, batches: BatchSource) -> SamplerFeedback:
    """Return the callback that updates the sampler after every round and records the rounds."""
    plan, state = training.plan, training.state
    sampler = plan.config.sampler.sampler
    statistic, score, history = partial(patch_statistic, plan), score_of(sampler), None
    if not SAMPLERS.get(sampler.name).is_uniform:
        history = SamplingHistory(
            state.sampling,
            bicubic_psnr=statistic("bicubic_psnr"),
            deviation=statistic("deviation"),
            total_rounds=plan.rounds,
            score=score.name if score else None,
        )
    return SamplerFeedback(batches, state, metric=training.models.scores, score=score, statistic=statistic, history=history)


def _illustrate(training: _Training) -> None:
    """Draw the run's pictures, with the best weights, and log its result."""
    plan, run, models, state = training.plan, training.run, training.models, training.state
    if not SAMPLERS.get(plan.config.sampler.sampler.name).is_uniform:
        draw_sampling(plan, run, state, training.log)
    models.eval_model.load_weights(run.best)
    draw_results(plan, run, models.eval_model, training.log)
    best = state.best
    if best is None:
        raise VisionfwError(f"run {run.folder}: ended without a validation")
    gain = f"{best.val_gain:+.3f} over {plan.eval_images[0].protocol.baseline}"
    training.log(f"{'last' if models.keeps_last else 'best'} validation {best.val_psnr:.3f} dB, {gain}, at step {best.step}; run: {run.folder}")
