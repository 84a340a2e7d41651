"""The process of one job: train, test on every set, write the result.

    python -m visionfw.ranking.run_job FOLDER NAME SEED

A training that was started before is resumed from its last checkpoint. The exit status is 0 if the job is done.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from visionfw.backend.process_memory import peak_resident_bytes
from visionfw.backend.start import start_backend
from visionfw.config import from_flags, with_flags
from visionfw.errors import VisionfwError, brief, some
from visionfw.io.files import write_json
from visionfw.io.plugins import load_plugins
from visionfw.ranking.grid import Grid, open_grid
from visionfw.ranking.job import Job, JobState

LOCKED = 3  # exit status if another process does the job
_INTERRUPTED = 130  # exit status after Ctrl-C or SIGTERM


def main(arguments: list[str]) -> int:
    """Do one job and return the exit status."""
    folder, name, seed = arguments
    load_plugins()
    grid = open_grid(folder)
    job = grid.job(name, int(seed))
    with job.lock() as is_mine:
        if not is_mine:
            return LOCKED
        if job.state() is JobState.DONE:
            return 0
        job.failure_file.unlink(missing_ok=True)
        try:
            run_job(grid, job)
        except KeyboardInterrupt:
            return _INTERRUPTED
        except Exception as error:  # the reason is kept, whatever it is, and the other jobs go on
            reason = str(error) if isinstance(error, VisionfwError) else f"{type(error).__name__}: {brief(error)}"
            write_json(job.failure_file, {"reason": reason})
            print(f"error: {reason}", flush=True)
            if not isinstance(error, VisionfwError):
                raise
            return 1
    return 0


def run_job(grid: Grid, job: Job) -> None:
    """Train, or resume the training, and test; write the result."""
    config = with_flags(grid.config.request_for(job.name, job.seed), {"run_dir": str(job.run)})
    start_backend(config.runtime.devices)
    from visionfw.runs.directory import Run
    from visionfw.training.fit import train

    run = Run(job.run)
    is_started = run.record.is_file()
    if not is_started:
        shutil.rmtree(job.run, ignore_errors=True)  # what a kill left before the run was recorded
    if not is_started or run.read().get("state") != "done":
        run = train(config, lambda line: print(line, flush=True), resume=is_started)
    result = {"name": job.name, "seed": job.seed, "steps": run.read().get("steps"), **_evaluate(grid, run.folder)}
    write_json(job.result_file, result)


def _evaluate(grid: Grid, folder: Path) -> dict[str, Any]:
    """Return the scores of a run on every test set, and what the model costs."""
    from visionfw.data.datasets import find_sets
    from visionfw.evaluation.benchmark import benchmark
    from visionfw.evaluation.config import EvaluateConfig
    from visionfw.evaluation.loaded_model import load_for_evaluation, upscaler_for
    from visionfw.evaluation.metric_suite import MetricSuite, for_generative_model
    from visionfw.evaluation.protocol import Protocol
    from visionfw.runs.directory import Run

    recorded = Run(folder).read()
    config = from_flags(EvaluateConfig, {"run": str(folder)})
    model = load_for_evaluation(config)
    if model.diffusion:
        config = with_flags(config, {"sampling_steps": recorded["config"]["diffusion"]["sampling_steps"]})
    upscaler = upscaler_for(model, config)
    sets = find_sets(grid.config.comparison.test_sets, grid.config.train.data.root, model.scale)
    protocol = Protocol(model.color, model.scale, model.degradation)
    scores = benchmark(upscaler, sets, protocol, metrics=MetricSuite(for_generative_model(()) if model.diffusion else ()))
    failures = [line for score in scores for line in score.failure_lines()]
    if failures:  # means over different images cannot be compared
        raise VisionfwError(some(failures))
    return {
        "protocol": protocol.record(),
        "rows": [score.row(model.name) for score in scores],
        "per_image": [row for score in scores for row in score.image_rows()],
        "cost": {
            "parameters": recorded.get("parameters"),
            "multiply_adds": recorded.get("multiply_adds"),
            "seconds_per_step": recorded.get("seconds", 0) / max(1, recorded.get("steps", 1)),
            "seconds_per_image": _seconds_per_image(upscaler, model.color, model.denoising_steps(config)),
            "peak_bytes": peak_resident_bytes(),
            "type": 1 if model.checked and model.checked.definition.pre_upsample else 2,
        },
    }


def _seconds_per_image(upscaler: Callable, color: str, denoising_steps: int) -> float:
    """Return the seconds to upscale a 128x128 image: the faster of two trials after one that compiles.

    Args:
        upscaler: what upscales.
        color: 'rgb' or 'y'.
        denoising_steps: a diffusion model's steps per image, one of which is timed; 0 for other models.
    """
    import numpy as np

    upscale = replace(upscaler, steps=1) if denoising_steps else upscaler  # type: ignore[type-var]
    image, times = np.zeros((128, 128, 1 if color == "y" else 3), np.float32), []
    for _ in range(3):
        start = time.perf_counter()
        upscale(image)
        times.append(time.perf_counter() - start)
    return min(times[1:]) * max(1, denoising_steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
