"""Weights and models <-> files and run directories."""

from __future__ import annotations

import os
from pathlib import Path

import keras

from visionfw import registry, runs
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.graph.build import compile_model
from visionfw.graph.check import examine

SUFFIXES = (".weights.h5", ".keras")


def save_weights(model: keras.Model, path: Path) -> None:
    """Write a model's weights whole or not at all. Raises VisionfwError where the disk refuses."""
    aside = path.with_name("partial-" + path.name)
    try:
        model.save_weights(aside)
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise VisionfwError(f"{path}: cannot be written: {brief(error)}") from error


def load_weights(model: keras.Model, file: str | Path) -> None:
    """Load weights that visionfw or Keras saved into a model of the same layer names.

    Args:
        model: what `vf.build` returned.
        file: .weights.h5 or .keras.

    Raises:
        RequestError: the file is missing, of another kind, or does not fit the model.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise RequestError(f"weights: no file {path}")
    if not path.name.endswith(SUFFIXES):
        raise RequestError(f"weights {path}: a weight file ends in {' or '.join(SUFFIXES)}")
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise RequestError(f"weights {path}: do not fit {model.name}: {brief(error)}") from error


def load(source: str | Path) -> keras.Model:
    """Load a model from a run directory or a .keras file.

    A run gives the weights of its best validation, in float32.

    Raises:
        RequestError: there is no such run or file.
        VisionfwError: it cannot be read.
    """
    path = Path(source).expanduser()
    if path.suffix == ".keras":
        return _load_keras(path)
    return load_run(runs.find(path))


def load_run(run: runs.Run) -> keras.Model:
    """Load a run's best model. Runs no code: a model of Python functions was stored compiled."""
    record = run.read()
    if run.architecture.exists():
        model = keras.models.model_from_json(run.architecture.read_text(encoding="utf-8"), custom_objects=_registered())
    else:
        model = compile_model(examine(run.read_model(), record["request"]["scale"]))
    if not run.best.is_file():
        raise VisionfwError(f"run {run.folder}: has no weights yet ({run.best.name})")
    load_weights(model, run.best)
    return model


def _load_keras(path: Path) -> keras.Model:
    if not path.is_file():
        raise RequestError(f"no file {path}")
    try:
        return keras.saving.load_model(path, custom_objects=_registered(), compile=False)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise VisionfwError(f"{path}: cannot be loaded: {brief(error)}") from error


def _registered() -> dict[str, type]:
    return {name: registry.layers.get(name) for name in registry.layers}
