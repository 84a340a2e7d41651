"""What happens around the steps of a training: a callback for each purpose, called in the order of `training_callbacks`.

The order is part of the design. At the end of a round

1. `StepCounter` has counted the round's steps and notes the time;
2. `SamplerFeedback` (training/scores.py) gives the round's scores to the sampler, which lets the next round be drawn;
3. `RoundMetrics` puts the metrics of the whole round into the logs, also if the round was interrupted in between;
4. `DivergenceGuard` stops a run whose loss exploded, before its weights are kept;
5. `Validation` adds `val_psnr` and `val_gain` to the logs if a validation is due; the callbacks below it do something only then;
6. `WeightFiles` and `HistoryFile` write weights and history;
7. `Checkpoint` comes after them, so that it never speaks of files that do not exist yet;
8. `ConsoleReport` logs a line, and TensorBoard gets all of the logs.

The callbacks share the logs of Keras and one `TrainingState`, in which every field is written by one of them (see there).
"""

from __future__ import annotations

from collections.abc import Callable

import keras

from visionfw.backend.capabilities import writes_tensorboard
from visionfw.data.batches import BatchSource
from visionfw.io.progress import ProgressReporter
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState
from visionfw.training.callbacks.checkpoint import Checkpoint
from visionfw.training.callbacks.console import ConsoleReport
from visionfw.training.callbacks.divergence import DivergenceGuard
from visionfw.training.callbacks.history import HistoryFile
from visionfw.training.callbacks.progress import TrainingProgress
from visionfw.training.callbacks.round_metrics import RoundMetrics
from visionfw.training.callbacks.steps import StepCounter
from visionfw.training.callbacks.stopping import StopRequest
from visionfw.training.callbacks.tensorboard import StepTensorBoard
from visionfw.training.callbacks.validation import Validation
from visionfw.training.callbacks.weight_files import WeightFiles
from visionfw.training.models import TrainingModels
from visionfw.training.scores import SamplerFeedback
from visionfw.training.setup import Plan


def training_callbacks(
    plan: Plan,
    models: TrainingModels,
    run: Run,
    batches: BatchSource,
    state: TrainingState,
    *,
    feedback: SamplerFeedback,
    stop: StopRequest,
    log: Callable[[str], None],
    progress: ProgressReporter | None = None,
) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a training, in their order.

    Args:
        plan: the checked request with its data.
        models: the model in training and its copy for evaluation.
        run: the run directory.
        batches: the training batches.
        state: the position in the run; kept up to date.
        feedback: updates the sampler.
        stop: asks for an end after the current step.
        log: called with each line for the user.
        progress: shows each step; None for no such display.
    """
    shown = [TrainingProgress(progress, plan.steps, state)] if progress is not None else []
    return [
        StepCounter(state, seed=plan.config.runtime.seed, total_steps=plan.steps, stop=stop),
        *shown,
        feedback,
        RoundMetrics(state, names=models.metric_names, round_steps=plan.round_steps, total_steps=plan.steps),
        DivergenceGuard(plan, models, run, batches, state),
        Validation(plan, models, run, state),
        WeightFiles(models, run, state),
        HistoryFile(run, state, names=models.metric_names),
        Checkpoint(run, state, batches, total_steps=plan.steps, stop=stop),
        ConsoleReport(plan, models, state, log),
        *([StepTensorBoard(run, state)] if writes_tensorboard() else []),
    ]
