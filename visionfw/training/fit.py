"""One training run from a checked request to a run directory."""

from __future__ import annotations

import contextlib
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from visionfw import reports, runs
from visionfw.checkpoints import precision
from visionfw.config import TrainRequest
from visionfw.data.difficulty import deviation, enlargement_psnr
from visionfw.data.pipeline import Feed, as_dataset, as_rounds
from visionfw.devices import jit_compile, keep_freed_memory
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.evaluation.protocol import Case
from visionfw.graph.build import compile_model
from visionfw.graph.cost import measure
from visionfw.graph.describe import short
from visionfw.graph.records import as_json
from visionfw.imaging.resize import imresize
from visionfw.inference import super_resolve, upscale
from visionfw.loss_terms import read_loss
from visionfw.metrics.tensors import psnr_per_image
from visionfw.paths import user_path, write_json
from visionfw.progress import counter
from visionfw.runs import Run
from visionfw.samplers import make
from visionfw.training.callbacks import Progress, Validation, stopping_at_signals
from visionfw.training.continuation import Standing, load
from visionfw.training.losses import weighted_sum
from visionfw.training.muon import inner_kernels
from visionfw.training.plan import Plan, Say, prepare
from visionfw.training.schedules import learning_rate, optimizer, rate_factors
from visionfw.training.scores import PatchScores, Scoring
from visionfw.training.step import against_bytes, on_bytes


def train(request: TrainRequest, say: Say = print, resume: bool = False) -> Run:
    """Train a model and keep its run.

    Args:
        request: the run; with `resume` as it was started.
        say: called with each line for the user.
        resume: go on with the run in `request.run_dir` from its last checkpoint, as if nothing had happened.

    Returns:
        The run directory.

    Raises:
        RequestError: a name, file, dictionary or combination is wrong; nothing was written.
        VisionfwError: an image could not be read, the disk refused, the loss exploded, or the run cannot be gone on with.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the run was saved first.
    """
    if request.run_dir is not None and not resume:
        runs.refuse_taken(user_path(request.run_dir))
    plan = prepare(request, say)
    if resume:
        _refuse_other_data(runs.find(request.run_dir), plan)
    keras.utils.set_random_seed(request.seed)
    made = compile_for_training(plan)
    if resume:
        run = runs.find(request.run_dir)
        standing = load(run.checkpoint, made.learner)
        say(f"going on from step {standing.step} of {plan.steps}")
    else:
        run, standing = runs.create(request.run_dir, f"{Path(request.model.partition(':')[0]).stem}_x{request.scale}"), Standing()
        record(plan, run)
    twin = made.model if plan.policy == "float32" and not request.ema else _float32_twin(plan)
    on_terminal = say is print and sys.stdout.isatty()
    say = Progress.say if on_terminal else say
    say(f"{plan.checked.definition.name} x{request.scale} in {plan.policy}: {plan.steps} steps of {request.batch_size} patches into {run.folder}")
    run.update(state="started")
    try:
        _learn(plan, made, twin, run, standing, say, on_terminal)
    except BaseException as error:
        _note_end(run, error)
        raise
    run.update(state="done", seconds=standing.seconds)
    twin.load_weights(run.best)
    illustrate(run, twin, plan.cases, say)
    best = standing.best
    say(f"best validation {best['val_psnr']:.3f} dB, {best['val_gain']:+.3f} over {plan.cases[0].protocol.baseline}, at step {best['step']}; run: {run.folder}")
    return run


def _learn(plan: Plan, made: Learning, twin: keras.Model, run: Run, standing: Standing, say: Say, on_terminal: bool) -> None:
    """Fit from where the run stands to its end: what is left of an interrupted round first, then whole rounds."""
    while standing.step < plan.steps:
        round_number, in_round = divmod(standing.step, plan.round_steps)
        batches = feed(plan, round_number, standing.sampler)
        scoring = Scoring(batches, made.scores, standing, *_baseline(plan))
        validation = Validation(made.model, twin, plan, run, batches, standing, say)
        with stopping_at_signals(validation), contextlib.closing(batches):
            made.learner.fit(
                as_batches(batches, standing.step),
                initial_epoch=round_number,
                epochs=round_number + 1 if in_round else plan.rounds,
                steps_per_epoch=plan.round_steps - in_round if keras.backend.backend() == "tensorflow" else None,
                callbacks=[*([Progress(plan.steps, standing.step)] if on_terminal else []), scoring, validation, *_tensorboard(run)],
                verbose=0,
                shuffle=False,
            )
        if validation.is_stopping and standing.step < plan.steps:
            say(f"stopped at step {standing.step}; --resume --run_dir={run.folder} goes on from there")
            raise KeyboardInterrupt
        if standing.step < plan.steps:
            load(run.checkpoint, made.learner)  # Keras ends a fit by putting the moving average into the weights


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


def record(plan: Plan, run: Run) -> None:
    """Write what the run is: request, dictionary, versions, data."""
    definition = plan.checked.definition
    write_json(run.model, as_json(definition))
    if any(call.function is not None for call in plan.checked.expanded.calls):
        run.architecture.write_text(_float32_twin(plan).to_json(), encoding="utf-8")
    cost = measure(plan.checked)
    run.update(
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
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for name in ("visionfw", "keras", "tensorflow", "jax", "torch", "numpy", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _float32_twin(plan: Plan) -> keras.Model:
    """Build the same model in float32: validation and evaluate.py measure in float32 whatever training computes in."""
    with precision("float32"):
        return compile_model(plan.checked)


@dataclass(frozen=True)
class Learning:
    """What learns.

    Attributes:
        model: LR in [0, 1] to SR.
        learner: shares the model's weights, reads uint8 patches, and has the loss and the optimiser.
        scores: of the patches of a round; None where the sampler learns nothing.
    """

    model: keras.Model
    learner: keras.Model
    scores: PatchScores | None


def compile_for_training(plan: Plan) -> Learning:
    """Build the model under the plan's policy, ready to learn."""
    request = plan.request
    keep_freed_memory()
    try:
        with precision(plan.policy):
            model = compile_model(plan.checked)
        side = request.patch_size
        model(np.zeros((1, side, side, plan.checked.definition.channels), np.float32), training=False)
    except Exception as error:  # what only Keras finds, building a layer or running it
        raise RequestError(f"{plan.checked.definition.name} cannot be built: {brief(error)}") from error
    rate = learning_rate(request.schedule, request.learning_rate, plan.steps, request.warmup)
    colour = plan.checked.definition.colour
    learner = on_bytes(model, colour)
    loss = against_bytes(weighted_sum(read_loss(request.loss), request.patch_size * request.scale), colour)
    metrics = _metrics(plan, loss, against_bytes(psnr_per_image, colour))
    learner.compile(
        optimizer(request.optimizer, rate, request.clip_norm, request.clip_value, request.ema, rate_factors(model, request.layer_rates), inner_kernels(model)),
        loss=loss,
        metrics=metrics,
        jit_compile=jit_compile(),
    )
    return Learning(model, learner, next((metric for metric in metrics if isinstance(metric, PatchScores)), None))


def _metrics(plan: Plan, loss: Callable, psnr: Callable) -> list[keras.metrics.Metric]:
    """Return the training PSNR, and what the sampler learns from: the PSNR of each patch, or its loss."""
    score, patches = plan.sampler.options.get("score"), plan.round_steps * plan.request.batch_size
    if score in ("gain", "psnr"):
        return [PatchScores(psnr, patches, "psnr")]
    mean = keras.metrics.MeanMetricWrapper(psnr, name="psnr")
    return [mean, PatchScores(loss, patches, "patch_loss")] if score == "loss" else [mean]


def _baseline(plan: Plan) -> tuple[np.ndarray | None, float]:
    """Return what is subtracted from each patch's figure to make its score, and the figure's factor."""
    score = plan.sampler.options.get("score")
    return (_measure(plan, "bicubic") if score == "gain" else None), -1.0 if score == "loss" else 1.0


def _measure(plan: Plan, what: str) -> np.ndarray:
    """Return what is known of every patch before any training, (n,)."""
    if what == "deviation":
        return deviation(plan.source, counter("measuring patches"))
    return enlargement_psnr(plan.source, what, plan.checked.definition.colour, counter(f"measuring patches of the {what} enlargement"))


def feed(plan: Plan, first_round: int = 0, state: Mapping[str, Any] | None = None) -> Feed:
    """Return the training batches from a round on, of which `state` is the sampler's."""
    request = plan.request
    sampler = make(plan.sampler, len(plan.source), request.seed, plan.rounds, lambda what: _measure(plan, what))
    if state:
        sampler.restore(state)
    return Feed(plan.source, sampler, request.batch_size, plan.round_steps, plan.augmentation, request.seed, first_round)


def as_batches(batches: Feed, start: int = 0):
    """Return batches from a number on, as the backend in use takes them."""
    return as_dataset(batches, start) if keras.backend.backend() == "tensorflow" else as_rounds(batches, start)


def _tensorboard(run: Run) -> list[keras.callbacks.Callback]:
    """Return TensorBoard's callback where TensorFlow, which writes its files, is the backend."""
    if keras.backend.backend() != "tensorflow":
        return []
    return [keras.callbacks.TensorBoard(str(run.tensorboard), write_graph=False)]


def illustrate(run: Run, model: keras.Model, cases: tuple[Case, ...], say: Say) -> None:
    """Draw the comparison of the first validation image and the run's curve."""
    case = cases[0]
    made = case.finish(super_resolve(model, case.lr))
    score = case.score(lambda lr: super_resolve(model, lr))
    if case.protocol.colour == "y":
        made, bicubic = upscale(model, case.lr_image), imresize(case.lr_image, case.protocol.scale)
    else:
        bicubic = case.bicubic
    panels = [("LR, bicubic", bicubic, score.bicubic_psnr), ("SR", made, score.psnr), ("HR", case.hr, None)]
    reports.draw_comparison(run.comparison, panels, case.name)
    say(f"picture: {run.comparison}")
    try:
        reports.draw_curve(run.curve, run.history)
        say(f"curve: {run.curve}")
    except RequestError as error:
        say(f"no curve: {brief(error)}")


def check_first_step(request: TrainRequest, say: Say = print) -> None:
    """Do everything up to the first step, run a few, and say how long the whole would take and what memory it takes (--check)."""
    if request.run_dir is not None:
        runs.refuse_taken(user_path(request.run_dir))
    plan = prepare(request, say)
    cost = measure(plan.checked)
    keras.utils.set_random_seed(request.seed)
    learner = compile_for_training(plan).learner
    batches = iter(feed(plan))
    lr, hr = next(batches)
    loss = learner.train_on_batch(lr, hr)
    started, timed = time.monotonic(), 10
    for _ in range(timed):
        learner.train_on_batch(*next(batches))
    step = (time.monotonic() - started) / timed
    loss = float(np.ravel(loss)[0])
    say(f"model: {plan.checked.definition.name}, {cost.params:,} parameters, {short(cost.multiply_adds)} multiply-adds for a 1280x720 output, in {plan.policy}")
    say(f"first step: loss {loss:.5f}; {step * 1000:.0f} ms a step, memory {_peak_memory()}")
    say(f"expected: {step * plan.steps / 60:.1f} min for {plan.steps} steps; nothing was written")


def _peak_memory() -> str:
    try:
        import resource
    except ImportError:
        return "unknown on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"{peak / 2**30:.1f} GiB (the most so far)"
