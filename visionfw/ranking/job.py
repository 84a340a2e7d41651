"""One job of a ranking: a training and its tests, in a folder of its own.

A job's state is what its folder holds, so nothing has to be kept consistent with it: a result (done), a lock that a process holds
(running), a failure's reason (failed), or none of these (pending).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from visionfw.errors import VisionfwError
from visionfw.io.files import read_json, reporting_write_errors
from visionfw.io.locks import is_locked, try_lock


class JobState(StrEnum):
    """How far a job is."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True)
class Job:
    """A training and its tests.

    Attributes:
        name: the training set, model or sampler.
        seed: the training's seed.
        folder: holds all of the job's files.
    """

    name: str
    seed: int
    folder: Path

    @property
    def result_file(self) -> Path:
        """The scores of a job that is done."""
        return self.folder / "result.json"

    @property
    def failure_file(self) -> Path:
        """The reason of a failure."""
        return self.folder / "failed.json"

    @property
    def run(self) -> Path:
        """The run directory of the training."""
        return self.folder / "run"

    @property
    def log_file(self) -> Path:
        """The output of the job's process."""
        return self.folder / "log.txt"

    @property
    def title(self) -> str:
        """The job's name in messages."""
        return f"{self.name}, seed {self.seed}"

    @property
    def _lock_file(self) -> Path:
        return self.folder / "lock"

    def state(self) -> JobState:
        """Return how far the job is."""
        if self._has_result():
            return JobState.DONE
        if is_locked(self._lock_file):
            return JobState.RUNNING
        return JobState.FAILED if self.failure_file.is_file() else JobState.PENDING

    def state_text(self) -> str:
        """Return the state in words, with the reason of a failure."""
        state = self.state()
        return f"{state}: {self.failure_reason()}" if state is JobState.FAILED else str(state)

    def read_result(self) -> dict[str, Any]:
        """Return the scores. Raises VisionfwError if they are missing or damaged."""
        return read_json(self.result_file)

    def failure_reason(self) -> str:
        """Return the reason of the failure. Raises VisionfwError if it is missing or damaged."""
        return str(read_json(self.failure_file).get("reason", "unknown"))

    def _has_result(self) -> bool:
        try:
            return "per_image" in self.read_result()
        except VisionfwError:
            return False

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Lock the job for the length of a `with` block; yield False if another process holds it."""
        with reporting_write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with try_lock(self._lock_file) as is_mine:
            yield is_mine
