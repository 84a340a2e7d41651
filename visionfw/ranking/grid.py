"""The matrix of a ranking on disk: which cells there are, and how far each has come.

A cell's state is what lies in its folder, so that nothing has to be kept in step: a result (done), a reason (failed), a lock that a
process holds (running), none of these (to do). The system lifts a lock when its process ends, however it ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visionfw.config import to_flags, with_flags
from visionfw.data.datasets import data_root
from visionfw.errors import RequestError, VisionfwError
from visionfw.io.files import read_json, read_json_value, write_json
from visionfw.io.locks import is_locked, try_lock
from visionfw.io.paths import folder_name, user_path
from visionfw.ranking.config import ExecutionConfig, RankConfig
from visionfw.runs import directory as runs
from visionfw.training.config import TrainConfig

STATES = ("done", "running", "failed", "to do")


@dataclass(frozen=True)
class Job:
    """One training and its tests.

    Attributes:
        name: of the training set, model or sampler.
        seed: of the training.
        folder: where all of it lies.
    """

    name: str
    seed: int
    folder: Path

    @property
    def result(self) -> Path:
        """The file of figures of a cell that is done."""
        return self.folder / "result.json"

    @property
    def reason(self) -> Path:
        """The file that says why a cell failed."""
        return self.folder / "failed.json"

    @property
    def run(self) -> Path:
        """The run directory of its training."""
        return self.folder / "run"

    @property
    def log(self) -> Path:
        """What its process said."""
        return self.folder / "log.txt"

    @property
    def title(self) -> str:
        """What it is called in lines."""
        return f"{self.name}, seed {self.seed}"

    def state(self) -> str:
        """Return how far it has come: one of STATES."""
        if self._is_whole():
            return "done"
        if self._is_locked():
            return "running"
        return "failed" if self.reason.is_file() else "to do"

    def read(self) -> dict[str, Any]:
        """Return its figures. Raises VisionfwError where they are damaged."""
        return read_json(self.result)

    def why(self) -> str:
        """Return why it failed."""
        return read_json(self.reason).get("reason", "")

    def _is_whole(self) -> bool:
        try:
            return "per_image" in self.read()
        except VisionfwError:
            return False

    def _is_locked(self) -> bool:
        return is_locked(self.folder / "lock")

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the cell for the length of a `with` block; yields False where another process holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with try_lock(self.folder / "lock") as is_mine:
            yield is_mine


@dataclass(frozen=True)
class Grid:
    """A ranking's cells, and the request that they are of."""

    request: RankConfig
    folder: Path

    def cells(self) -> list[Job]:
        """Return every cell, seed by seed, so that a matrix that is stopped early has whole rows."""
        folders = {name: self.folder / "cells" / f"{place}-{folder_name(name)}" for place, name in enumerate(self.request.comparison.names, 1)}
        return [Job(name, seed, Path(f"{folders[name]}-seed{seed}")) for seed in self.request.comparison.seeds for name in self.request.comparison.names]

    def cell(self, name: str, seed: int) -> Job:
        """Return one cell."""
        return next(cell for cell in self.cells() if (cell.name, cell.seed) == (name, seed))


def refuse_taken(out: str) -> None:
    """Raise RequestError where a folder holds a ranking, or anything else, already."""
    folder = user_path(out)
    if (folder / "plan.json").exists():
        raise RequestError(f"--out={out}: holds a ranking already; --resume goes on with it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"--out={out}: exists and is not empty; name another folder")


def begin(request: RankConfig, leakage: Sequence[Mapping[str, Any]] = ()) -> Grid:
    """Write a new matrix, its plan last, with what training and test sets have in common. Raises RequestError where its folder is taken."""
    refuse_taken(request.execution.out)
    folder = user_path(request.execution.out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "leakage.json", list(leakage))
    models = tuple(_absolute_model(name) for name in request.comparison.models)
    request = replace(request, train=_with_absolute_paths(request.train), comparison=replace(request.comparison, models=models))
    write_json(folder / "plan.json", request.record() | {"backend": _backend()})
    return Grid(request, folder)


def _with_absolute_paths(train: TrainConfig) -> TrainConfig:
    """Return a training whose paths mean the same from every folder."""
    values = to_flags(train)
    changed: dict[str, Any] = {"data_root": str(data_root(train.data.root).resolve()), "model": _absolute_model(train.model.name)}
    if train.data.cache_dir is not None:
        changed["cache_dir"] = str(user_path(train.data.cache_dir).resolve())
    if train.model.init_from is not None:
        changed["init_from"] = str(runs.find(train.model.init_from).folder.resolve())
    if train.loss.feature_weights:
        changed["feature_weights"] = {network: str(user_path(file).resolve()) for network, file in train.loss.feature_weights.items()}
    if "discriminator" in values:
        changed["discriminator"] = _absolute_model(values["discriminator"])
    return with_flags(train, changed)


def _absolute_model(name: str) -> str:
    return str(user_path(name).resolve()) if name.endswith((".py", ".json")) else name


def _backend() -> str:
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def open_grid(out: str, execution: ExecutionConfig | None = None) -> Grid:
    """Open a matrix that was begun; how its runs are executed may differ from then.

    Raises:
        RequestError: there is none, or it was begun on another backend.
    """
    folder = user_path(out).resolve()
    if not (folder / "plan.json").is_file():
        raise RequestError(f"--resume: there is no ranking in {folder}")
    recorded = read_json(folder / "plan.json")
    backend = recorded.pop("backend", _backend())
    if backend != _backend():
        raise RequestError(f"--resume: the ranking in {folder} was begun with KERAS_BACKEND={backend}, not {_backend()}")
    return Grid(RankConfig.from_record(recorded, execution or ExecutionConfig(out=str(folder)), str(folder / "plan.json")), folder)


def read_leakage(folder: Path) -> list[dict[str, Any]]:
    """Return what training and test sets have in common, as it was found before the first step."""
    return read_json_value(folder / "leakage.json")
