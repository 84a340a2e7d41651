"""One training run from a checked request to a run directory."""

from __future__ import annotations

import atexit
import contextlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from visionfw.backend import backend_name
from visionfw.backend.capabilities import uses_tf_data
from visionfw.backend.memory import is_out_of_memory
from visionfw.config import TrainRequest
from visionfw.data.batches import BatchSource
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.language.ir import to_dictionary
from visionfw.io.files import remove_partial_files, write_json, write_text
from visionfw.io.paths import user_path
from visionfw.io.progress import ProgressReporter
from visionfw.runs import directory as runs
from visionfw.runs.checkpoints import save_weights
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState, load_checkpoint
from visionfw.samplers import SAMPLERS, score_of
from visionfw.training.callbacks import training_callbacks
from visionfw.training.callbacks.stopping import stop_at_signals
from visionfw.training.diagnosis import Exploded
from visionfw.training.memory import advice
from visionfw.training.models import TrainingModels, as_batches, compile_for_training, feed, float32_twin, patch_statistic
from visionfw.training.pictures import illustrate, illustrate_sampler
from visionfw.training.sampling import SamplingHistory
from visionfw.training.scores import SamplerFeedback
from visionfw.training.setup import Log, Plan, prepare
from visionfw.training.timing import steps_within


def train(request: TrainRequest, log: Log = print, resume: bool = False) -> Run:
    """Train a model and keep its run.

    Args:
        request: the run; with `resume` as it was started.
        log: called with each line for the user.
        resume: go on with the run in `request.run_dir` from its last checkpoint, as if nothing had happened.

    Returns:
        The run directory.

    Raises:
        RequestError: a name, file, dictionary or combination is wrong; nothing was written.
        VisionfwError: an image could not be read, the disk refused, the loss exploded, or the run cannot be gone on with.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the run was saved first.
    """
    log = log if runs.is_writer() else lambda line: None
    if request.run_dir is not None and not resume:
        runs.refuse_taken(user_path(request.run_dir))
    own = runs.find(request.run_dir) if resume else None
    steps = None if request.minutes is None else own.read()["steps"] if own else steps_within(request, log)
    plan = prepare(request, log, own, steps)
    made, run, standing = _continued(plan, log) if resume else _begun(plan)
    progress = ProgressReporter("training, step") if log is print else None
    log = progress.log if progress else log
    log(f"{plan.checked.definition.name} x{request.scale} in {plan.policy}: {plan.steps} steps of {plan.request.batch_size} patches into {run.folder}")
    run.update(state="started")
    try:
        made, standing = _learn_to_the_end(plan, made, run, standing, log, progress)
    except BaseException as error:
        told = VisionfwError(advice(plan)) if is_out_of_memory(error) else error
        _note_end(run, told)
        raise told from (error if told is not error else None)
    run.update(state="done", seconds=standing.seconds)
    if not SAMPLERS.get(plan.sampler.name).is_uniform:
        illustrate_sampler(plan, run, standing, log)
    made.twin.load_weights(run.best)
    illustrate(plan, run, made.twin, log)
    best = standing.best
    if best is None:
        raise VisionfwError(f"run {run.folder}: ended without a validation")
    kept = "last" if made.keeps_last else "best"
    gain = f"{best.val_gain:+.3f} over {plan.cases[0].protocol.baseline}"
    log(f"{kept} validation {best.val_psnr:.3f} dB, {gain}, at step {best.step}; run: {run.folder}")
    return run


def _begun(plan: Plan) -> tuple[TrainingModels, Run, TrainingState]:
    """Make what learns, and then a run's directory."""
    made = compile_for_training(plan)
    run = _new_run(plan, record_of(plan))
    write_models(plan, made, run)
    return made, run, TrainingState()


def _continued(plan: Plan, log: Log) -> tuple[TrainingModels, Run, TrainingState]:
    """Make what learns as it was at a run's last checkpoint, or at its start where it has none."""
    run, standing = runs.find(plan.request.run_dir), TrainingState()
    _refuse_other_data(run, plan)
    made = compile_for_training(plan, 0.5 ** _rollbacks(run))
    if runs.is_writer():
        remove_partial_files(run.folder)
        write_models(plan, made, run)
    if run.checkpoint.exists():
        standing = load_checkpoint(run.checkpoint, made.learner)
    log(f"going on from step {standing.step} of {plan.steps}")
    return made, run if runs.is_writer() else _copied(run, plan), standing


def _learn_to_the_end(
    plan: Plan, made: TrainingModels, run: Run, standing: TrainingState, log: Log, progress: ProgressReporter | None
) -> tuple[TrainingModels, TrainingState]:
    """Learn, going back where the loss explodes and that is asked for; return what has learned, and where it stands."""
    while True:
        try:
            _learn(plan, made, run, standing, log, progress)
            return made, standing
        except Exploded as error:
            if plan.request.on_nan != "rollback" or _rollbacks(run) >= plan.request.most_rollbacks:
                raise
            made, standing = _roll_back(plan, run, error, log)


def _new_run(plan: Plan, values: Mapping[str, Any]) -> Run:
    """Create the run's directory; that of a process that does not write runs is removed at its end."""
    if not runs.is_writer():
        folder = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return runs.create(folder, "", values)
    return runs.create(plan.request.run_dir, f"{Path(plan.request.model.partition(':')[0]).stem}_x{plan.request.scale}", values)


def _copied(run: Run, plan: Plan) -> Run:
    """Make a directory for a process that does not write runs, with all that going back needs."""
    own = _new_run(plan, {"rollbacks": _rollbacks(run)})
    if run.checkpoint.exists():
        shutil.copy(run.checkpoint, own.checkpoint)
    return own


def _rollbacks(run: Run) -> int:
    return run.read().get("rollbacks", 0)


def _roll_back(plan: Plan, run: Run, why: Exploded, log: Log) -> tuple[TrainingModels, TrainingState]:
    """Go back to the last checkpoint, or to the start, at half the learning rate."""
    rollbacks = _rollbacks(run) + 1
    run.update(rollbacks=rollbacks)
    made = compile_for_training(plan, 0.5**rollbacks)
    standing = load_checkpoint(run.checkpoint, made.learner) if run.checkpoint.exists() else TrainingState()
    log(f"{why}; back to step {standing.step}, learning rate x {0.5**rollbacks:g} (rollback {rollbacks} of {plan.request.most_rollbacks})")
    return made, standing


def _learn(plan: Plan, made: TrainingModels, run: Run, standing: TrainingState, log: Log, progress: ProgressReporter | None) -> None:
    """Fit from where the run stands to its end: what is left of an interrupted round first, then whole rounds."""
    while standing.step < plan.steps:
        round_number, in_round = divmod(standing.step, plan.round_steps)
        batches = feed(plan, round_number, standing.sampler)
        feedback = _sampler_feedback(plan, made, batches, standing)
        with stop_at_signals() as stop, contextlib.closing(batches), made.parallel.active():
            made.learner.fit(
                as_batches(batches, standing.step, made.parallel, made.takes_both),
                initial_epoch=round_number,
                epochs=round_number + 1 if in_round else plan.rounds,
                steps_per_epoch=plan.round_steps - in_round if uses_tf_data() else None,
                callbacks=training_callbacks(plan, made, run, batches, standing, feedback=feedback, stop=stop, log=log, progress=progress),
                verbose=0,
                shuffle=False,
            )
        if stop.is_requested and standing.step < plan.steps:
            log(f"stopped at step {standing.step}; --resume --run_dir={run.folder} goes on from there")
            raise KeyboardInterrupt
        if standing.step < plan.steps:
            load_checkpoint(run.checkpoint, made.learner)  # Keras ends a fit by putting the moving average into the weights


def _sampler_feedback(plan: Plan, models: TrainingModels, batches: BatchSource, state: TrainingState) -> SamplerFeedback:
    """Return the callback that updates the sampler after every round and records the rounds."""
    statistic, score, history = partial(patch_statistic, plan), score_of(plan.sampler), None
    if not SAMPLERS.get(plan.sampler.name).is_uniform:
        history = SamplingHistory(
            state.sampling,
            bicubic_psnr=statistic("bicubic_psnr"),
            deviation=statistic("deviation"),
            total_rounds=plan.rounds,
            score=score.name if score else None,
        )
    return SamplerFeedback(batches, state, metric=models.scores, score=score, statistic=statistic, history=history)


def _refuse_other_data(run: Run, plan: Plan) -> None:
    """Refuse to go on with a run on images that are not what they were."""
    was = run.read().get("data", {}).get("fingerprint")
    if was != plan.source.store.fingerprint():
        raise RequestError(f"--resume: the training images of {run.folder} have changed since it was started")


def _note_end(run: Run, error: BaseException) -> None:
    """Note how a run ended early; a disk that refuses is told by the error that is under way."""
    interrupted = isinstance(error, KeyboardInterrupt)
    with contextlib.suppress(VisionfwError):
        run.update(state="interrupted" if interrupted else "failed", reason=brief(error))


def write_models(plan: Plan, made: TrainingModels, run: Run) -> None:
    """Write the models that a run starts from, but for those that were written before a kill."""
    if not run.model.exists():
        write_json(run.model, to_dictionary(plan.checked.definition))
    if plan.discriminator is not None and not run.discriminator.exists():
        write_json(run.discriminator, to_dictionary(plan.discriminator.definition))
    if plan.checked.has_function_blocks and not run.architecture.exists():
        write_text(run.architecture, float32_twin(plan).to_json())
    if plan.initial is not None and not run.initial.exists():
        save_weights(made.model, run.initial)


def record_of(plan: Plan) -> dict[str, Any]:
    """Return what run.json holds from the start: the request, the model's cost, the data, the versions."""
    cost = compute_cost(plan.checked)
    return dict(
        request=plan.request.record(),
        command=" ".join(sys.argv),
        steps=plan.steps,
        precision=plan.policy,
        weights=f"averaged, decay {plan.request.ema}" if plan.request.ema else "raw",
        parameters=cost.params,
        multiply_adds=cost.multiply_adds,
        data={"fingerprint": plan.source.store.fingerprint(), "images": len(plan.source.store), "patches": len(plan.source)},
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "backend": backend_name()}
    for name in ("visionfw", "keras", "tensorflow", "jax", "torch", "numpy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
