"""The checkpoint of a run: everything that a resumed training needs to go on exactly, bit for bit."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from visionfw.errors import VisionfwError, brief
from visionfw.io.files import write_bytes


@dataclass(frozen=True)
class BestValidation:
    """The validation whose weights are kept as the best.

    Attributes:
        step: when it was.
        val_psnr: mean PSNR over the validation images, dB.
        val_gain: mean gain over bicubic interpolation, dB.
    """

    step: int
    val_psnr: float
    val_gain: float


@dataclass
class PartialRound:
    """The part of a round that was trained before an interruption; empty between rounds.

    Attributes:
        steps: number of its steps.
        metrics: means over these steps, by the names of the logs.
        patch_values: (k,) float32, what the sampler learns from, for each of its patches in their order.
    """

    steps: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    patch_values: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass
class TrainingState:
    """The position in a run, beside the values of the model's and the optimizer's variables.

    Attributes:
        step: steps done; written by `StepCounter`.
        seconds: time of training so far; written by `StepCounter`.
        best: the best validation so far, None before the first one; written by `WeightFiles`.
        history: a row for each validation, its columns are those of history.csv; written by `HistoryFile`.
        lowest_loss: lowest mean loss of a round so far, against which an explosion is measured; written by `DivergenceGuard`.
        partial_round: an interrupted round; its steps and metrics are written by `RoundMetrics`, its patch values by `SamplerFeedback`.
        sampler: the sampler's state before the next round, or before the interrupted one; written by `Checkpoint`.
        sampling: records of some rounds, for the picture of the sampling; written by `SamplerFeedback`.
    """

    step: int = 0
    seconds: float = 0.0
    best: BestValidation | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    lowest_loss: float = math.inf
    partial_round: PartialRound = field(default_factory=PartialRound)
    sampler: dict[str, Any] = field(default_factory=dict)
    sampling: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(path: Path, train_model: keras.Model, state: TrainingState) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the file.
        train_model: the compiled model; its variables and the optimizer's are saved.
        state: the position in the run.

    Raises:
        VisionfwError: it cannot be written; the previous checkpoint is still there.
    """
    arrays = {f"{group}/{number}": keras.ops.convert_to_numpy(variable) for group, number, variable in _variables(train_model)}
    arrays |= {f"sampler/{key}": value for key, value in state.sampler.items() if isinstance(value, np.ndarray)}
    arrays["partial_round/patch_values"] = state.partial_round.patch_values
    arrays["state"] = np.frombuffer(json.dumps(_to_json(state)).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, **arrays)
    write_bytes(path, file.getbuffer(), consequence="the previous checkpoint is kept")


def load_checkpoint(path: Path, train_model: keras.Model) -> TrainingState:
    """Read a checkpoint into a compiled model and its optimizer, and return the position in the run. Runs no code from the file.

    Raises:
        VisionfwError: the file cannot be read, is damaged, or belongs to another model.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            state = _from_json(json.loads(file["state"].tobytes()), file)
            for group, number, variable in _variables(train_model):
                value = file[f"{group}/{number}"]
                if value.shape != tuple(variable.shape):
                    raise ValueError(f"{variable.path} has the shape {tuple(variable.shape)}, the checkpoint's {value.shape}")
                variable.assign(value)
            return state
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise VisionfwError(f"{path}: cannot be resumed from: {brief(error)}") from error


def _to_json(state: TrainingState) -> dict[str, Any]:
    """Return the fields that are not arrays."""
    return {
        "step": state.step,
        "seconds": state.seconds,
        "best": None if state.best is None else asdict(state.best),
        "history": state.history,
        "lowest_loss": state.lowest_loss,
        "partial_round": {"steps": state.partial_round.steps, "metrics": state.partial_round.metrics},
        "sampler": {key: value for key, value in state.sampler.items() if not isinstance(value, np.ndarray)},
        "sampling": state.sampling,
    }


def _from_json(values: Mapping[str, Any], file: np.lib.npyio.NpzFile) -> TrainingState:
    """Return the state, with its arrays from the file."""
    sampler_arrays = {key.removeprefix("sampler/"): file[key] for key in file.files if key.startswith("sampler/")}
    partial = values["partial_round"]
    return TrainingState(
        step=values["step"],
        seconds=values["seconds"],
        best=None if values["best"] is None else BestValidation(**values["best"]),
        history=values["history"],
        lowest_loss=values["lowest_loss"],
        partial_round=PartialRound(partial["steps"], partial["metrics"], file["partial_round/patch_values"]),
        sampler=values["sampler"] | sampler_arrays,
        sampling=values["sampling"],
    )


def _variables(train_model: keras.Model) -> Iterator[tuple[str, int, keras.Variable]]:
    """Yield (group, number, variable) for the model's variables, random states included, and for the optimizer's."""
    train_model.optimizer.build(train_model.trainable_variables)  # before the first step it has no variables yet
    optimizer_variables = train_model.optimizer.variables
    in_optimizer = {id(variable) for variable in optimizer_variables}
    own = [variable for variable in train_model.variables if id(variable) not in in_optimizer]
    for group, variables in (("model", own), ("optimizer", optimizer_variables)):
        for number, variable in enumerate(variables):
            yield group, number, variable
