"""The run directory: everything that is known about one training run, and the only thing that commands pass to each other.

run.json            the request, versions, the data's fingerprint, the best validation, when the run started and how it ended
config.toml         the configuration with every default settled, as `train.py --config` reads it
model.json          the model's dictionary in canonical form
sources/            copies of the files that registered the model's layers and blocks, if it has some that do not come with visionfw
architecture.json   the compiled model, if the dictionary has blocks that are Python functions
best.weights.h5     weights of the best validation: the run's model
last.weights.h5     weights of the last validation
checkpoint.npz      everything that --resume needs: weights, optimizer, sampler, position in the run
initial.weights.h5  the weights that the run was initialized with, if they were another run's
discriminator.json  the discriminator's dictionary, for adversarial training
history.csv         loss and validation metrics by step
tensorboard/        the same for TensorBoard
curve.png           loss and validation gain by step
comparison.png      bicubic | SR | HR of a validation image
samples/            SR of one validation image at every validation, for diffusion models
strip.png           some of these in a row
sampling.png        which patches the sampler drew, and their scores
priority.png        the patches with the highest and the lowest priority

run.json is written first, complete, and exclusively: a folder with a run.json belongs to the process that wrote it, and can be resumed
however early that process was killed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from visionfw.errors import RequestError, VisionfwError, nearest
from visionfw.io.files import create_json, read_json, reporting_write_errors, write_json
from visionfw.io.paths import user_path

#: The folder that holds runs without a --run_dir, relative to the working directory.
RUNS = Path("runs")

#: What `find` takes instead of a folder.
LATEST = "latest"


class Run:
    """Paths inside one run directory, and its record."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.record = folder / "run.json"
        self.config = folder / "config.toml"
        self.model = folder / "model.json"
        self.sources = folder / "sources"
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
        """Return the content of run.json. Raises VisionfwError if it cannot be read."""
        return read_json(self.record)

    def read_request(self) -> dict[str, Any]:
        """Return the request that the run was started with. Raises VisionfwError if run.json does not hold one."""
        request = self.read().get("request")
        if not isinstance(request, dict):
            raise VisionfwError(f"{self.record}: holds no request, so the run cannot be resumed; start it again in another folder")
        return request

    def read_model(self) -> dict[str, Any]:
        """Return the model's dictionary in canonical form. Raises VisionfwError if it cannot be read."""
        return read_json(self.model)

    def update(self, **values: Any) -> None:
        """Enter values into run.json. Raises VisionfwError if it cannot be written."""
        write_json(self.record, self.read() | values)

    def started(self) -> datetime:
        """Return when the run was started, as run.json says; the earliest possible time if it does not."""
        try:
            return datetime.fromisoformat(self.read()["started"]).astimezone()
        except (VisionfwError, KeyError, TypeError, ValueError):
            return datetime.fromtimestamp(0).astimezone()


def create(folder: str | Path | None, name: str, values: Mapping[str, Any] | None = None) -> Run:
    """Create a run directory that no other process has or gets.

    Args:
        folder: the directory; None for runs/NAME-1, runs/NAME-2, ..., the first that does not exist.
        name: the stem of such a directory's name.
        values: what run.json holds from the start, such as the request, beside 'state' and 'started'.

    Raises:
        RequestError: the folder holds a run or anything else already.
        VisionfwError: it cannot be written.
    """
    path = _make_numbered(name) if folder is None else _make(user_path(folder))
    run = Run(path)
    record = {"state": "started", "started": datetime.now().astimezone().isoformat()} | dict(values or {})
    try:
        create_json(run.record, record)
    except FileExistsError:
        raise RequestError(_taken(path, "holds a run already")) from None
    return run


def _make_numbered(name: str) -> Path:
    number = 1
    while True:
        path = RUNS / f"{name}-{number}"
        try:
            with reporting_write_errors(RUNS):
                RUNS.mkdir(exist_ok=True)
            path.mkdir()
            return path
        except FileExistsError:  # an older run's, or another process was faster
            number += 1
        except OSError as error:
            raise VisionfwError(f"{path}: cannot be created: {error.strerror}") from error


def _make(path: Path) -> Path:
    refuse_taken(path)
    with reporting_write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def is_writer() -> bool:
    """Return whether this process writes runs: of several that train together (Keras' environment variables number them) the first one does."""
    return os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0") == "0"


def refuse_taken(path: Path) -> None:
    """Raise RequestError if a path cannot become a run directory: it is a file, or a folder that is not empty."""
    if not is_writer() or not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    what = "is a file" if not path.is_dir() else "holds a run already" if Run(path).record.exists() else "exists and is not empty"
    raise RequestError(_taken(path, what))


def _taken(path: Path, reason: str) -> str:
    return f"--run_dir: {path} {reason}; name another folder, or remove it"


def find(folder: str | Path) -> Run:
    """Open a run directory, or 'latest': the run under runs/ that was started last among those with weights.

    Raises:
        RequestError: there is no such run; the message names the one with the nearest name.
    """
    if str(folder) == LATEST:
        return _newest(run for run in _all_runs(RUNS) if run.best.is_file())
    path = user_path(folder)
    if not Run(path).record.is_file():
        names = [run.folder.name for run in _all_runs(path.parent)]
        near = nearest(path.name, names) or max(names, default=None)
        raise RequestError(f"no run in {path}{_suggest(path.parent, near)}")
    return Run(path)


def find_unfinished(folder: str | Path | None = None) -> Run:
    """Open the run that --resume continues: the one in a folder, or without one the run under runs/ that was started last among the unfinished.

    Raises:
        RequestError: there is no such run, or it is finished.
    """
    if folder is None:
        return _newest((run for run in _all_runs(RUNS) if _state(run) not in ("done", None)), "unfinished run")
    run = find(folder)
    if run.read().get("state") == "done":
        raise RequestError(f"--resume: the run in {run.folder} is done")
    return run


def _state(run: Run) -> str | None:
    """Return a run's state; None if its record is damaged."""
    try:
        return run.read().get("state", "started")
    except VisionfwError:
        return None


def _all_runs(parent: Path) -> list[Run]:
    return [Run(record.parent) for record in parent.glob("*/run.json")] if parent.is_dir() else []


def _newest(runs: Iterable[Run], kind: str = "run with weights") -> Run:
    newest = max(runs, key=Run.started, default=None)
    if newest is None:
        raise RequestError(f"no {kind} in {RUNS}; name a run's folder")
    return newest


def _suggest(parent: Path, name: str | None) -> str:
    return f"; did you mean '{parent / name}'?" if name else ""
