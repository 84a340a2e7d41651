"""One cell of a matrix, in a process of its own: train, test on every set, write the figures.

    python -m visionfw.ranking.cell FOLDER NAME SEED

A training that was begun is gone on with from its last checkpoint. The exit status is 0 where the cell is done.
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
from visionfw.errors import VisionfwError, brief
from visionfw.io.files import write_json
from visionfw.io.plugins import load_plugins
from visionfw.ranking.grid import Grid, Job, open_grid

LOCKED = 3  # exit status where another process does the cell


def main(arguments: list[str]) -> int:
    """Do one cell; return the exit status."""
    folder, name, seed = arguments
    load_plugins()
    matrix = open_grid(folder)
    cell = matrix.cell(name, int(seed))
    with cell.held() as is_mine:
        if not is_mine:
            return LOCKED
        if cell.state() == "done":
            return 0
        cell.reason.unlink(missing_ok=True)
        try:
            do(matrix, cell)
        except KeyboardInterrupt:
            return 130
        except Exception as error:  # whatever it is, the other cells go on and the reason is kept
            reason = str(error) if isinstance(error, VisionfwError) else f"{type(error).__name__}: {brief(error)}"
            write_json(cell.reason, {"reason": reason})
            print(f"error: {reason}", flush=True)
            if not isinstance(error, VisionfwError):
                raise
            return 1
    return 0


def do(matrix: Grid, cell: Job) -> None:
    """Train and test one cell, and write its figures."""
    request = with_flags(matrix.request.request_for(cell.name, cell.seed), {"run_dir": str(cell.run)})
    start_backend(request.runtime.devices)
    from visionfw.runs.directory import Run
    from visionfw.training.fit import train

    run, recorded = Run(cell.run), Run(cell.run).read() if Run(cell.run).record.is_file() else {}
    if recorded.get("state") != "done":
        begun = "data" in recorded  # else it was killed before it said what it is
        if not begun:
            shutil.rmtree(cell.run, ignore_errors=True)
        run = train(request, lambda line: print(line, flush=True), resume=begun)
    write_json(cell.result, {"name": cell.name, "seed": cell.seed, "steps": run.read().get("steps"), **_tested(matrix, run.folder)})


def _tested(matrix: Grid, folder: Path) -> dict[str, Any]:
    """Return the figures of a run on every test set, and what it costs."""
    from visionfw.data.datasets import find_sets
    from visionfw.evaluation.benchmark import benchmark
    from visionfw.evaluation.config import EvaluateConfig
    from visionfw.evaluation.loaded_model import load_for_evaluation, upscaler_for
    from visionfw.evaluation.metric_suite import MetricSuite, for_generative_model
    from visionfw.evaluation.protocol import Protocol
    from visionfw.runs.directory import Run

    request = from_flags(EvaluateConfig, {"run": str(folder)})
    subject = load_for_evaluation(request)
    if subject.diffusion:
        request = with_flags(request, {"sampling_steps": Run(folder).read()["config"]["diffusion"]["sampling_steps"]})
    upscaler = upscaler_for(subject, request)
    sets = find_sets(matrix.request.comparison.test_sets, matrix.request.train.data.root, subject.scale)
    protocol = Protocol(subject.color, subject.scale, subject.degradation)
    scores = benchmark(upscaler, sets, protocol, metrics=MetricSuite(for_generative_model(()) if subject.diffusion else ()))
    recorded = Run(folder).read()
    return {
        "protocol": protocol.record(),
        "rows": [score.row(subject.name) for score in scores],
        "per_image": [row for score in scores for row in score.image_rows()],
        "cost": {
            "parameters": recorded.get("parameters"),
            "multiply_adds": recorded.get("multiply_adds"),
            "seconds_per_step": recorded.get("seconds", 0) / max(1, recorded.get("steps", 1)),
            "seconds_per_image": _seconds_per_image(upscaler, subject.color, subject.denoising_steps(request)),
            "peak_bytes": peak_resident_bytes(),
            "type": 1 if subject.checked and subject.checked.definition.pre_upsample else 2,
        },
    }


def _seconds_per_image(enlarge: Callable, color: str, denoising_steps: int) -> float:
    """Return the time to upscale a 128x128 image, the faster of two after one that compiles; for a diffusion model, one denoising step times their number."""
    import numpy as np

    enlarge = replace(enlarge, steps=1) if denoising_steps else enlarge
    image, times = np.zeros((128, 128, 1 if color == "y" else 3), np.float32), []
    for _ in range(3):
        started = time.perf_counter()
        enlarge(image)
        times.append(time.perf_counter() - started)
    return min(times[1:]) * max(1, denoising_steps)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
