"""The matrix of a ranking on disk: which cells there are, and how far each has come.

A cell's state is what lies in its folder, so that nothing has to be kept in step: a result (done), a reason (failed), a lock that a
process holds (running), none of these (to do). The system lifts a lock when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionfw.config import RankRequest
from visionfw.errors import RequestError
from visionfw.paths import read_json, user_path, write_json

STATES = ("done", "running", "failed", "to do")


@dataclass(frozen=True)
class Cell:
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
        if self.result.is_file():
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

    def _is_locked(self) -> bool:
        try:
            with (self.folder / "lock").open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the cell for the length of a `with` block; yields False where another process holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


@dataclass(frozen=True)
class Matrix:
    """A ranking's cells, and the request that they are of."""

    request: RankRequest
    folder: Path

    def cells(self) -> list[Cell]:
        """Return every cell, seed by seed, so that a matrix that is stopped early has whole rows."""
        return [Cell(name, seed, self.folder / "cells" / f"{safe(name)}-seed{seed}") for seed in self.request.seeds for name in self.request.names]

    def cell(self, name: str, seed: int) -> Cell:
        """Return one cell."""
        return next(cell for cell in self.cells() if (cell.name, cell.seed) == (name, seed))


def safe(name: str) -> str:
    """Return a name as a folder's; different names of one ranking stay different through a number where they must."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", name).strip("_.") or "set"


def begin(request: RankRequest) -> Matrix:
    """Write a new matrix. Raises RequestError where its folder holds something already, or names cannot be told apart."""
    folder = user_path(request.out)
    if (folder / "plan.json").exists():
        raise RequestError(f"--out={request.out}: holds a ranking already; --resume goes on with it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"--out={request.out}: exists and is not empty; name another folder")
    if len({safe(name) for name in request.names}) < len(request.names):
        raise RequestError(f"--{request.ranked}: names that differ in nothing but signs cannot be told apart as folders")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "plan.json", request.record())
    return Matrix(request, folder)


def open_matrix(out: str, **how: Any) -> Matrix:
    """Open a matrix that was begun; `how` is what may differ from then: engine, jobs, cpus, gpus. Raises RequestError where there is none."""
    folder = user_path(out)
    if not (folder / "plan.json").is_file():
        raise RequestError(f"--resume: there is no ranking in {folder}")
    return Matrix(RankRequest.of_record(read_json(folder / "plan.json"), out=out, **how), folder)


def note_leakage(folder: Path, found: list[dict[str, Any]]) -> None:
    """Keep what training and test sets have in common beside the plan."""
    (folder / "leakage.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def read_leakage(folder: Path) -> list[dict[str, Any]]:
    """Return what was noted; nothing where nobody looked."""
    path = folder / "leakage.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
