"""The pictures that a run ends with."""

from __future__ import annotations

from typing import cast

import keras
import numpy as np

from visionfw.errors import RequestError, brief
from visionfw.imaging.files import read_image
from visionfw.reports.plots import plot_training
from visionfw.reports.sheets import draw_comparison, draw_sheet
from visionfw.runs.checkpoints import load_weights
from visionfw.runs.directory import Run
from visionfw.runs.history import read_history
from visionfw.runs.resume import TrainingState
from visionfw.samplers.sampler import Sampler
from visionfw.training.batches import batch_source, patch_statistic
from visionfw.training.models import upscaler
from visionfw.training.sampling import plot_priority, plot_sampling
from visionfw.training.setup import Log, Plan

_STRIP_IMAGES = 6


def draw_results(plan: Plan, run: Run, model: keras.Model, log: Log) -> None:
    """Draw comparison.png, curve.png, and for diffusion models strip.png.

    Args:
        plan: the checked request with its data.
        run: the run directory.
        model: the run's model with its best weights; they are the same afterwards.
        log: called with a line for each picture.
    """
    _draw_comparison(plan, run, model)
    log(f"picture: {run.comparison}")
    if run.samples.is_dir():
        _draw_strip(run)
        log(f"over time: {run.strip}")
    try:
        plot_training(run.curve, read_history(run.history), run.folder.name)
        log(f"curve: {run.curve}")
    except RequestError as error:
        log(f"no curve: {brief(error)}")


def _draw_comparison(plan: Plan, run: Run, model: keras.Model) -> None:
    """Draw the first validation image: bicubic, SR with the run's initial weights if these were another run's, SR, HR."""
    image, upscale = plan.eval_images[0], upscaler(plan, model)
    outputs = [("SR", image.to_uint8(upscale(image.lr)))]
    if run.initial.is_file():
        best = model.get_weights()
        load_weights(model, run.initial)
        outputs.insert(0, ("initial SR", image.to_uint8(upscale(image.lr))))
        model.set_weights(best)
    panels = [(name, image.to_rgb(output), image.psnr_and_ssim(output)[0]) for name, output in outputs]
    draw_comparison(run.comparison, [("LR, bicubic", image.to_rgb(image.bicubic), image.bicubic_psnr), *panels, ("HR", image.hr, None)], image.name)


def _draw_strip(run: Run) -> None:
    """Draw a diffusion model's samples of one image at some validations, evenly spread over the run."""
    files = sorted(run.samples.glob("step-*.png"))
    numbers = sorted({round(number) for number in np.linspace(0, len(files) - 1, min(_STRIP_IMAGES, len(files)))})
    chosen = [files[number] for number in numbers]
    images = np.stack([read_image(file) for file in chosen])
    draw_sheet(run.strip, [("over time", images)], [f"step {int(file.stem.removeprefix('step-'))}" for file in chosen])


def draw_sampling(plan: Plan, run: Run, state: TrainingState, log: Log) -> None:
    """Draw what the sampler drew over the run (sampling.png, priority.png), unless no complete round was trained."""
    if not state.sampling:
        return
    sampler = cast(Sampler, batch_source(plan, plan.rounds, state.sampler).sampler)
    psnr, deviation = patch_statistic(plan, "bicubic_psnr"), patch_statistic(plan, "deviation")
    try:
        plot_sampling(run, state.sampling, bicubic_psnr=psnr, deviation=deviation, score=sampler.score)
        plot_priority(run, sampler, plan.patches, psnr)
        log(f"sampling: {run.sampling}; patches of highest and lowest priority: {run.priority}")
    except RequestError as error:
        log(f"no picture of the sampling: {brief(error)}")
