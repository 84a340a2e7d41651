"""Trainings for tests, written as flags."""

from __future__ import annotations

from typing import Any

from visionfw.config import from_flags, with_flags
from visionfw.training.config import TrainConfig


def training(**flags: Any) -> TrainConfig:
    """Return a training by flags: training(model="srcnn", steps=3)."""
    return from_flags(TrainConfig, flags)


def change(config: TrainConfig, **flags: Any) -> TrainConfig:
    """Return a training with some flags changed."""
    return with_flags(config, flags)


def silent(line: str) -> None:
    """Log nothing."""


def plan_of(config: TrainConfig, log=silent):
    """Return everything that a training needs, opened and checked."""
    from visionfw.training.preflight import preflight
    from visionfw.training.setup import prepare

    return prepare(preflight(config), log)
