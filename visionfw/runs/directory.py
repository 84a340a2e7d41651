"""The run directory: everything that is known of one training run, and the only thing that commands pass to each other.

run.json           the request, versions, the data's fingerprint, what the best validation was, how the run ended
model.json         the model's dictionary in normal form
architecture.json  the compiled model, where the dictionary has blocks that are Python functions
best.weights.h5    weights of the best validation ('the' model)     last.weights.h5   of the last one
checkpoint.npz     all that --resume needs: weights, optimizer, sampler, where the run stands
initial.weights.h5  what the model began with, where that was another run     discriminator.json  whom it played against
history.csv        loss and validation by step                      tensorboard/      the same for TensorBoard
curve.png          the run's curve                                  comparison.png    LR bicubic | SR | HR
samples/           what a diffusion model made of one LR image at every validation   strip.png   the same in a row
sampling.png       the drawn patches and their scores             priority.png      the patches that the sampler ranks highest and lowest
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from visionfw.errors import RequestError, VisionfwError, nearest
from visionfw.io.files import read_json, write_json
from visionfw.io.paths import user_path


class Run:
    """Paths inside one run directory."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.record = folder / "run.json"
        self.model = folder / "model.json"
        self.architecture = folder / "architecture.json"
        self.best = folder / "best.weights.h5"
        self.last = folder / "last.weights.h5"
        self.initial = folder / "initial.weights.h5"
        self.discriminator = folder / "discriminator.json"
        self.checkpoint = folder / "checkpoint.npz"
        self.history = folder / "history.csv"
        self.tensorboard = folder / "tensorboard"
        self.curve = folder / "curve.png"
        self.comparison = folder / "comparison.png"
        self.samples = folder / "samples"
        self.strip = folder / "strip.png"
        self.sampling = folder / "sampling.png"
        self.priority = folder / "priority.png"

    def read(self) -> dict[str, Any]:
        """Return what run.json holds."""
        return read_json(self.record)

    def read_model(self) -> dict[str, Any]:
        """Return the model's normal form."""
        return read_json(self.model)

    def update(self, **values: Any) -> None:
        """Enter values into run.json."""
        write_json(self.record, (self.read() if self.record.exists() else {}) | values)


def create(folder: str | None, name: str) -> Run:
    """Make a new run directory.

    Args:
        folder: where; None for runs/NAME-1, runs/NAME-2 ..., the first that is free.
        name: what a folder of its own is called.

    Raises:
        RequestError: the folder holds a run, or anything else, already.
        VisionfwError: it cannot be made.
    """
    if folder is None:
        number = 1
        while Path("runs", f"{name}-{number}").exists():
            number += 1
        path = Path("runs", f"{name}-{number}")
    else:
        path = user_path(folder)
    refuse_taken(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VisionfwError(f"--run_dir: {path} cannot be made: {error.strerror}") from error
    run = Run(path)
    run.update(state="started", started=time.strftime("%Y-%m-%d %H:%M:%S"))
    return run


def is_writer() -> bool:
    """Tell whether this process writes runs: of several that train together (Keras' environment variables say so) the first does."""
    return os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0") == "0"


def refuse_taken(path: Path) -> None:
    """Raise RequestError where a folder cannot become a run directory: it is a file, or holds a run or anything else already."""
    if not is_writer() or not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    what = "is a file" if not path.is_dir() else "holds a run already" if (path / "run.json").exists() else "exists and is not empty"
    raise RequestError(f"--run_dir: {path} {what}; name another folder, or remove it")


def find(folder: str | Path) -> Run:
    """Open a run directory, or with 'latest' the newest one under runs/. Raises RequestError, naming the nearest, where there is none."""
    path = user_path(folder)
    if str(folder) == "latest":
        path = max(Path("runs").glob("*/run.json"), key=lambda record: record.stat().st_mtime, default=Path("runs/latest/run.json")).parent
    if not (path / "run.json").is_file():
        beside = [run.parent.name for run in path.parent.glob("*/run.json")] if path.parent.is_dir() else []
        near = nearest(path.name, beside) or (sorted(beside)[-1] if beside else None)
        hint = f"; did you mean '{path.parent / near}'?" if near else ""
        raise RequestError(f"no run in {path}{hint}")
    return Run(path)
