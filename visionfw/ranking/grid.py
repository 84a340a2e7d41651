"""A ranking on disk: its settings, and a job for every name and seed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from visionfw.config import to_flags, with_flags
from visionfw.data.datasets import data_root
from visionfw.errors import RequestError
from visionfw.io.files import read_json, read_json_value, reporting_write_errors, write_json
from visionfw.io.paths import folder_name, user_path
from visionfw.ranking.config import ExecutionConfig, RankConfig
from visionfw.ranking.job import Job
from visionfw.runs import directory as runs
from visionfw.training.config import TrainConfig


@dataclass(frozen=True)
class Grid:
    """The jobs of a ranking.

    Attributes:
        config: the ranking, with absolute paths.
        folder: holds the plan, the jobs and the reports.
    """

    config: RankConfig
    folder: Path

    def jobs(self) -> list[Job]:
        """Return every job, seed by seed, so that a ranking that is stopped early has complete seeds."""
        names, seeds = self.config.comparison.names, self.config.comparison.seeds
        stems = {name: f"{number}-{folder_name(name)}" for number, name in enumerate(names, 1)}
        return [Job(name, seed, self.folder / "jobs" / f"{stems[name]}-seed{seed}") for seed in seeds for name in names]

    def job(self, name: str, seed: int) -> Job:
        """Return the job of a name and a seed."""
        return next(job for job in self.jobs() if (job.name, job.seed) == (name, seed))

    def read_leakage(self) -> list[dict[str, Any]]:
        """Return what training and test sets have in common, as `leakage.find_leakage` recorded it."""
        return read_json_value(self.folder / "leakage.json")


def refuse_taken(out: str | None) -> Path:
    """Return the folder of a new ranking. Raises RequestError if it is not named, or holds a ranking or anything else already."""
    if not out:
        raise RequestError("--out: name the folder of the ranking")
    folder = user_path(out)
    if (folder / "plan.json").exists():
        raise RequestError(f"--out={out}: holds a ranking already; continue it with --resume")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"--out={out}: exists and is not empty; name another folder")
    return folder.resolve()


def create_grid(config: RankConfig, *, settings: RankConfig | None = None, leakage: Sequence[Mapping[str, Any]] = ()) -> Grid:
    """Create a ranking's folder, with the plan as the last file, so that a folder without a plan holds no ranking.

    Args:
        config: the ranking.
        settings: the ranking as the user wrote it, with which the flags of a resumed one are compared; `config` if nothing was derived.
        leakage: what training and test sets have in common.

    Raises:
        RequestError: the folder is taken.
        VisionfwError: it cannot be written.
    """
    folder = refuse_taken(config.execution.out)
    with reporting_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "leakage.json", list(leakage))
    models = tuple(_absolute_model(name) for name in config.comparison.models)
    config = replace(config, train=_with_absolute_paths(config.train), comparison=replace(config.comparison, models=models))
    write_json(folder / "plan.json", {"config": config.record(), "settings": (settings or config).record(), "backend": _backend()})
    return Grid(config, folder)


def _with_absolute_paths(train: TrainConfig) -> TrainConfig:
    """Return a training whose paths mean the same in every working directory."""
    changes: dict[str, Any] = {"data_root": str(data_root(train.data.root).resolve()), "model": _absolute_model(train.model.name)}
    if train.data.cache_dir is not None:
        changes["cache_dir"] = str(user_path(train.data.cache_dir).resolve())
    if train.model.init_from is not None:
        changes["init_from"] = str(runs.find(train.model.init_from).folder.resolve())
    if train.model.weights is not None:
        changes["weights"] = str(user_path(train.model.weights).resolve())
    if train.loss.feature_weights:
        changes["feature_weights"] = {network: str(user_path(file).resolve()) for network, file in train.loss.feature_weights.items()}
    discriminator = to_flags(train).get("discriminator")
    if discriminator is not None:
        changes["discriminator"] = _absolute_model(discriminator)
    return with_flags(train, changes)


def _absolute_model(name: str) -> str:
    return str(user_path(name).resolve()) if name.endswith((".py", ".json")) else name


def _backend() -> str:
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def open_grid(out: str, execution: ExecutionConfig | None = None) -> Grid:
    """Open an existing ranking.

    Args:
        out: its folder.
        execution: how its jobs are done, which may differ from before; the defaults unless given.

    Raises:
        RequestError: there is none, or it was started on another backend or by another version of visionfw.
    """
    folder, plan = _read_plan(out)
    if plan["backend"] != _backend():
        raise RequestError(f"--resume: the ranking in {folder} was started with KERAS_BACKEND={plan['backend']}, not {_backend()}")
    return Grid(_recorded(plan["config"], folder, execution), folder)


def read_settings(out: str) -> RankConfig:
    """Return the settings with which a ranking was started, as the user wrote them. Raises RequestError as `open_grid` does."""
    folder, plan = _read_plan(out)
    return _recorded(plan["settings"], folder)


def _recorded(record: Mapping[str, Any], folder: Path, execution: ExecutionConfig | None = None) -> RankConfig:
    return RankConfig.from_record(record, execution or ExecutionConfig(out=str(folder)), str(folder / "plan.json"))


def _read_plan(out: str) -> tuple[Path, dict[str, Any]]:
    folder = user_path(out).resolve()
    if not (folder / "plan.json").is_file():
        raise RequestError(f"--resume: there is no ranking in {folder}")
    plan = read_json(folder / "plan.json")
    if plan.keys() != {"config", "settings", "backend"}:
        raise RequestError(f"--resume: the ranking in {folder} was recorded by another version of visionfw; start it again in another folder")
    return folder, plan
