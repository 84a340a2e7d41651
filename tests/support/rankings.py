"""Rankings whose results are made up, without a training."""

import json
from typing import Any

from visionfw.config import from_flags
from visionfw.ranking.config import RankConfig
from visionfw.ranking.grid import create_grid

COST = {"parameters": 5, "multiply_adds": 7e9, "seconds_per_step": 0.1, "seconds_per_image": 0.2, "peak_bytes": 2**30, "type": 2}


def ranking(**flags: Any) -> RankConfig:
    """Return a ranking by flags: ranking(train_sets="A,B", test_sets="T", out="x")."""
    return from_flags(RankConfig, flags)


def made_up(folder, gains, *, dataset="T", leakage=(), ranked="train_sets"):
    """Return a ranking with results: name -> seed -> the gains of its images."""
    seeds = tuple(next(iter(gains.values())))
    config = ranking(**{"train_sets": ("A",), "test_sets": dataset, "seeds": seeds, "out": str(folder), ranked: tuple(gains)})
    grid = create_grid(config, leakage=leakage)
    for job in grid.jobs():
        write_result(job, gains[job.name][job.seed], dataset)
    return grid


def write_result(job, gains, dataset="T"):
    """Write what a job's process writes."""
    per_image = [{"dataset": dataset, "image": str(number), "gain": gain, "psnr": 30 + gain, "ssim": 0.9} for number, gain in enumerate(gains)]
    job.folder.mkdir(parents=True, exist_ok=True)
    job.result_file.write_text(json.dumps({"steps": 9, "rows": [{"dataset": dataset}], "per_image": per_image, "protocol": {"crop": 4}, "cost": COST}))
