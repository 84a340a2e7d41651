"""Run an evaluation: measure a model on image sets and write the reports, or upscale image files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from visionfw.backend.start import start_backend
from visionfw.data.datasets import ImageSet, find_sets
from visionfw.data.datasets.standard import count_mismatch
from visionfw.errors import VisionfwError
from visionfw.evaluation.config import EvaluateConfig

if TYPE_CHECKING:
    from visionfw.evaluation.benchmark import OnImage, SetScore
    from visionfw.evaluation.loaded_model import LoadedModel
    from visionfw.evaluation.protocol import Protocol

Log = Callable[[str], None]
#: Columns of the reports that the line below the printed table says for all rows.
_SHOWN_BELOW = ("channel", "crop", "rounding", "resize", "model scale", "precision", "self-ensemble", "LR")
_ONE_OF_MANY = "a diffusion model draws one of the images that fit; PSNR and SSIM reward their mean, so compare LR-PSNR and inspect the images"


def upscale_files(config: EvaluateConfig, log: Log) -> str:
    """Upscale image files; return a line that counts them.

    Raises:
        RequestError: an image, run or flag is wrong.
        VisionfwError: some images could not be upscaled, after all others were.
    """
    from visionfw.inference.image_files import find_jobs

    upscale = config.upscale
    jobs = find_jobs(upscale.images, upscale.out)
    start_backend()
    from visionfw.evaluation.loaded_model import load_for_evaluation, upscaler_for
    from visionfw.inference import image_files
    from visionfw.io.progress import ProgressReporter, StepTimer

    loaded = load_for_evaluation(config)
    for remark in loaded.remarks:
        log(remark)
    count = sum(upscale.overwrite or not job.target.exists() for job in jobs)
    timer = StepTimer(loaded.denoising_steps(config), count, ProgressReporter("denoising"))
    progress = ignore_progress if loaded.diffusion else ProgressReporter("upscaling images")
    summary = image_files.upscale_files(upscaler_for(loaded, config, 0, timer), jobs, upscale.overwrite, log, progress)
    return "\n".join([f"{summary}: {upscale.out}", *([timer.speed_text()] if timer.done else [])])


def ignore_progress(done: int, total: int, details: str = "") -> None:
    """Show no progress of images where the progress of denoising steps is shown."""


def show_weight_names(config: EvaluateConfig) -> str:
    """Return the likeliest assignment of --weights to the layers of --model, as `loaded_model.show_weight_names` does."""
    start_backend()
    from visionfw.evaluation import loaded_model

    return loaded_model.show_weight_names(config)


def measure(config: EvaluateConfig, log: Log) -> str:
    """Measure a model on image sets and write the reports; return the table.

    Raises:
        RequestError: a set, run, metric or flag is wrong.
        VisionfwError: an image could not be measured, or a report not be written.
    """
    benchmark = config.benchmark
    find_sets(benchmark.test_data, benchmark.data_root, config.subject.scale or 1)  # a wrong name is reported before the backend starts
    start_backend()
    from visionfw.evaluation.loaded_model import load_for_evaluation
    from visionfw.evaluation.protocol import Protocol
    from visionfw.evaluation.results import Results
    from visionfw.reports.tables import as_table

    loaded = load_for_evaluation(config)
    sets = find_sets(benchmark.test_data, benchmark.data_root, loaded.degradation.scale)
    protocol = Protocol(loaded.color, loaded.scale, loaded.degradation, benchmark.channel, benchmark.crop)
    for line in (*loaded.remarks, *(line for images in sets for line in count_mismatch(images))):
        log(line)
    results = Results(config, loaded, protocol, _lr_folders(sets, protocol))
    scores, remarks = _score(config, loaded, sets, protocol, results.add)
    rows = results.write(scores)
    failures = [line for score in scores for line in score.failure_lines()]
    hidden = _SHOWN_BELOW if failures else (*_SHOWN_BELOW, "failed")
    shown = [{key: value for key, value in row.items() if key not in hidden} for row in rows]
    lines = [as_table(shown), *remarks, "protocol: " + ", ".join(f"{key} {value}" for key, value in results.record.items())]
    lines += [f"report: {file}" for file in benchmark.report]
    lines += [f"images: {config.upscale.out}"] if config.upscale.out else []
    if failures:
        log("\n".join(lines))
        raise VisionfwError("\n".join(failures))
    return "\n".join(lines)


def _lr_folders(sets: Sequence[ImageSet], protocol: Protocol) -> dict[str, str]:
    """Return the folders of the LR files that sets bring along, by set; none for a protocol of float luma, which makes its own."""
    if protocol.uses_float_luma:
        return {}
    files = {images.name: images.lr_files(protocol.lr_degradation) for images in sets}
    return {name: str(paths[0].parent) for name, paths in files.items() if paths}


def _score(config: EvaluateConfig, loaded: LoadedModel, sets: Sequence[ImageSet], protocol: Protocol, on_image: OnImage) -> tuple[list[SetScore], list[str]]:
    """Return every set's scores, averaged over a diffusion model's samples, and remarks on how its images were made."""
    from visionfw.evaluation.benchmark import average_samples, benchmark
    from visionfw.evaluation.loaded_model import upscaler_for
    from visionfw.evaluation.metric_suite import MetricSuite, for_generative_model
    from visionfw.io.progress import ProgressReporter, StepTimer

    samples = config.sampling.samples or 1
    metrics = config.benchmark.metrics if loaded.diffusion is None else for_generative_model(config.benchmark.metrics)
    suite = MetricSuite(metrics, config.benchmark.feature_weights, config.benchmark.allow_download)
    timer = StepTimer(loaded.denoising_steps(config), samples * sum(len(images.hr) for images in sets), ProgressReporter("denoising"))
    progress = ignore_progress if loaded.diffusion else ProgressReporter("measuring images")
    draws = []
    for sample in range(samples):
        upscaler = upscaler_for(loaded, config, sample, timer)
        draws.append(benchmark(upscaler, sets, protocol, metrics=suite, on_image=None if sample else on_image, progress=progress))
    return average_samples(draws) if samples > 1 else draws[0], [_ONE_OF_MANY, timer.speed_text()] if timer.done else []
