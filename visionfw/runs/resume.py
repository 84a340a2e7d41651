"""All that a run needs to go on exactly: written whole at every validation and where a run is interrupted."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from visionfw.errors import VisionfwError, brief
from visionfw.io.files import write_bytes


@dataclass
class TrainingState:
    """Where a run stands, beside the values of its variables.

    Attributes:
        step: steps done.
        seconds: of training so far.
        best: step, PSNR and gain of the best validation.
        rows: the history, a row a validation.
        partial: loss, PSNR and steps of a round that was interrupted; empty at the end of a round.
        lowest_loss: of all rounds; what an explosion is measured by.
        sampler: its state before the round that comes next, or that was interrupted.
        sampling: notes of what the sampler did, a dictionary a round.
        scores: of the patches of a round that was interrupted, in their order; empty at the end of a round.
    """

    step: int = 0
    seconds: float = 0.0
    best: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    partial: dict[str, float] = field(default_factory=dict)
    lowest_loss: float = math.inf
    sampler: dict[str, Any] = field(default_factory=dict)
    sampling: list[dict[str, Any]] = field(default_factory=list)
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))


def save(path: Path, learner: keras.Model, standing: TrainingState) -> None:
    """Write a checkpoint whole or not at all. Raises VisionfwError where the disk refuses; the one before stays."""
    arrays = {f"sampler/{key}": value for key, value in standing.sampler.items() if isinstance(value, np.ndarray)}
    plain = {key: value for key, value in standing.sampler.items() if not isinstance(value, np.ndarray)}
    arrays["scores"] = standing.scores
    told = {key: value for key, value in vars(standing).items() if key != "scores"} | {"sampler": plain}
    arrays |= {f"{place}/{number}": keras.ops.convert_to_numpy(variable) for place, number, variable in _variables(learner)}
    file = io.BytesIO()
    np.savez(file, standing=np.frombuffer(json.dumps(told).encode(), np.uint8), **arrays)
    write_bytes(path, file.getbuffer(), consequence="the previous checkpoint is kept")


def load(path: Path, learner: keras.Model) -> TrainingState:
    """Read a checkpoint into a compiled model and its optimizer; runs no code of the file.

    Raises:
        VisionfwError: it cannot be read, is damaged, or it is another model's.
    """
    learner.optimizer.build(learner.trainable_variables)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            told = json.loads(file["standing"].tobytes())
            told["sampler"] |= {key.partition("/")[2]: file[key] for key in file.files if key.startswith("sampler/")}
            for place, number, variable in _variables(learner):
                value = file[f"{place}/{number}"]
                if value.shape != tuple(variable.shape):
                    raise ValueError(f"{variable.path} has the shape {tuple(variable.shape)}, there {value.shape}")
                variable.assign(value)
            return TrainingState(**told, scores=file["scores"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise VisionfwError(f"{path}: cannot be gone on from: {brief(error)}") from error


def _variables(learner: keras.Model):
    """Yield (place, number, variable) of the model, random states included, and of the optimizer."""
    kept = {id(variable) for variable in learner.optimizer.variables}
    own = [variable for variable in learner.variables if id(variable) not in kept]
    for place, variables in (("model", own), ("optimizer", learner.optimizer.variables)):
        for number, variable in enumerate(variables):
            yield place, number, variable
