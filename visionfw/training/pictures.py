"""The pictures that a run ends with."""

from __future__ import annotations

import keras
import numpy as np

from visionfw.errors import RequestError, brief
from visionfw.imaging.files import read_image
from visionfw.reports import plots
from visionfw.runs.checkpoints import load_weights
from visionfw.runs.directory import Run
from visionfw.runs.resume import TrainingState
from visionfw.training.batches import batch_source, patch_statistic
from visionfw.training.models import upscaler
from visionfw.training.sampling import plot_priority, plot_sampling
from visionfw.training.setup import Log, Plan


def illustrate(plan: Plan, run: Run, model: keras.Model, log: Log) -> None:
    """Draw the comparison of the first validation image, with what the model began with where that was a run, and the run's curve."""
    case = plan.eval_images[0]
    enlarge = upscaler(plan, model)
    made = {"SR": case.to_uint8(enlarge(case.lr))}
    if run.initial.is_file():
        kept = model.get_weights()
        load_weights(model, run.initial)
        made = {"begun with": case.to_uint8(enlarge(case.lr))} | made
        model.set_weights(kept)
    found = [(name, case.to_rgb(image), case.psnr_and_ssim(image)[0]) for name, image in made.items()]
    plots.draw_comparison(run.comparison, [("LR, bicubic", case.to_rgb(case.bicubic), case.bicubic_psnr), *found, ("HR", case.hr, None)], case.name)
    log(f"picture: {run.comparison}")
    if run.samples.is_dir():
        _draw_strip(run, log)
    try:
        plots.draw_curve(run.curve, run.history)
        log(f"curve: {run.curve}")
    except RequestError as error:
        log(f"no curve: {brief(error)}")


def _draw_strip(run: Run, log: Log, most: int = 6) -> None:
    """Draw what a diffusion model made of one image over time, at some validations evenly spread."""
    files = sorted(run.samples.glob("step-*.png"))
    chosen = [files[place] for place in sorted({round(place) for place in np.linspace(0, len(files) - 1, min(most, len(files)))})]
    pictures = np.stack([read_image(file) for file in chosen])
    plots.draw_sheet(run.strip, [("over time", pictures)], [f"step {int(file.stem.removeprefix('step-'))}" for file in chosen])
    log(f"over time: {run.strip}")


def illustrate_sampler(plan: Plan, run: Run, standing: TrainingState, log: Log) -> None:
    """Draw what the sampler did over the run, unless no whole round was trained."""
    if not standing.sampling:
        return
    sampler = batch_source(plan, plan.rounds, standing.sampler).sampler
    psnr, deviation = patch_statistic(plan, "bicubic_psnr"), patch_statistic(plan, "deviation")
    try:
        plot_sampling(run, standing.sampling, bicubic_psnr=psnr, deviation=deviation, score=sampler.score)
        plot_priority(run, sampler, plan.patches, psnr)
        log(f"sampling: {run.sampling}; patches of highest and lowest priority: {run.priority}")
    except RequestError as error:
        log(f"no picture of the sampling: {brief(error)}")
