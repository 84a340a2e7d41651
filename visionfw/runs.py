"""The run directory: everything that is known of one training run, and the only thing that commands pass to each other.

run.json           the request, versions, the data's fingerprint, what the best validation was, how the run ended
model.json         the model's dictionary in normal form
architecture.json  the compiled model, where the dictionary has blocks that are Python functions
best.weights.h5    weights of the best validation ('the' model)     last.weights.h5   of the last one
history.csv        loss and validation by step                      tensorboard/      the same for TensorBoard
curve.png          the run's curve                                  comparison.png    LR bicubic | SR | HR
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visionfw.errors import RequestError, VisionfwError, brief, nearest


class Run:
    """Paths inside one run directory."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.record = folder / "run.json"
        self.model = folder / "model.json"
        self.architecture = folder / "architecture.json"
        self.best = folder / "best.weights.h5"
        self.last = folder / "last.weights.h5"
        self.history = folder / "history.csv"
        self.tensorboard = folder / "tensorboard"
        self.curve = folder / "curve.png"
        self.comparison = folder / "comparison.png"

    def read(self) -> dict[str, Any]:
        """Return what run.json holds."""
        return _read_json(self.record)

    def read_model(self) -> dict[str, Any]:
        """Return the model's normal form."""
        return _read_json(self.model)

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
        path = Path(folder).expanduser()
    refuse_taken(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VisionfwError(f"--run_dir: {path} cannot be made: {error.strerror}") from error
    run = Run(path)
    run.update(state="started", started=time.strftime("%Y-%m-%d %H:%M:%S"))
    return run


def refuse_taken(path: Path) -> None:
    """Raise RequestError where a folder cannot become a run directory: it is a file, or holds a run or anything else already."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    what = "is a file" if not path.is_dir() else "holds a run already" if (path / "run.json").exists() else "exists and is not empty"
    raise RequestError(f"--run_dir: {path} {what}; name another folder, or remove it")


def find(folder: str | Path) -> Run:
    """Open a run directory, or with 'latest' the newest one under runs/. Raises RequestError, naming the nearest, where there is none."""
    path = Path(folder).expanduser()
    if str(folder) == "latest":
        path = max(Path("runs").glob("*/run.json"), key=lambda record: record.stat().st_mtime, default=Path("runs/latest/run.json")).parent
    if not (path / "run.json").is_file():
        beside = [run.parent.name for run in path.parent.glob("*/run.json")] if path.parent.is_dir() else []
        near = nearest(path.name, beside) or (sorted(beside)[-1] if beside else None)
        hint = f"; did you mean '{path.parent / near}'?" if near else ""
        raise RequestError(f"no run in {path}{hint}")
    return Run(path)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all. Raises VisionfwError."""
    aside = path.with_name(path.name + ".partial")
    try:
        aside.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise VisionfwError(f"{path}: cannot be written: {error.strerror}") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VisionfwError(f"{path}: cannot be read: {brief(error)}") from error
    if not isinstance(values, dict):
        raise VisionfwError(f"{path}: is damaged: holds {type(values).__name__}, not a dictionary")
    return values
