"""Save and load the weights and models of files and run directories."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from visionfw.backend.precision import choose_precision
from visionfw.errors import ModelDefinitionError, RequestError, VisionfwError, brief
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.layer_catalog import saved_model_problems
from visionfw.graph.language.ir import Definition
from visionfw.graph.language.parser import parse
from visionfw.interchange.identify import has_reference, load_by_names, load_by_reference, load_what_fits
from visionfw.interchange.save import REFERENCE_SUFFIXES, save_reference_weights
from visionfw.io.files import atomic_path, reporting_write_errors
from visionfw.io.paths import user_path
from visionfw.layers import custom_objects
from visionfw.runs import directory as runs
from visionfw.runs.own_members import require_members
from visionfw.weights.assign import assign
from visionfw.weights.files import read_weights

SUFFIXES = (".weights.h5", ".keras")


def save_weights(model: keras.Model, file: str | Path, names: str | None = None, dictionary: Mapping[str, Any] | None = None) -> None:
    """Write a model's weights; the file is complete or not there.

    Args:
        model: a built model.
        file: .weights.h5; with the reference's names .safetensors or .pth.
        names: "reference" for the keys and layouts of the architecture's reference implementation, which other programs load; None for our own.
        dictionary: the model's dictionary, for a model that was not built from one in this process.

    Raises:
        RequestError: the architecture has no reference, the model is no longer that architecture, or the suffix is another.
        VisionfwError: the file cannot be written.
    """
    path = user_path(file)
    if names not in (None, "reference"):
        raise RequestError(f"names must be None or 'reference', not {names!r}")
    if names == "reference":
        save_reference_weights(model, path, dictionary)
        return
    if not path.name.endswith(".weights.h5"):
        hint = "; for the keys of the reference implementation say names='reference'" if path.suffix in REFERENCE_SUFFIXES else ""
        raise RequestError(f"weights {path}: a file of our own weights ends in .weights.h5{hint}")
    with reporting_write_errors(path), atomic_path(path) as temporary:
        model.save_weights(temporary)


def load_weights(model: keras.Model, file: str | Path, names: Mapping[str, str] | str | None = None) -> list[str]:
    """Load weights into a model: its own, or another program's, whose layouts are converted.

    Args:
        model: what `vf.build` returned.
        file: .weights.h5 or .keras of a model with the same layer names; or a PyTorch state_dict (.pth, .pt, .ckpt), .safetensors,
            MATLAB (.mat), HDF5 (.h5, .hdf5) or NumPy (.npz) file. Pickled code in a file is never run.
        names: for other programs' files: our layer's name -> the prefix of their keys, {"block_body-3-conv_q": "body.3.conv2"}; a '*'
            stands for the same text in both, {"block_body-*-conv_q": "body.*.conv2"}. Without it, weights are assigned by the names of the
            architecture's reference implementation, else where shapes, or order and names together, leave no choice; "auto" takes the
            likeliest assignment.

    Returns:
        Remarks: which arrays of the file were not used, how sure an assignment is that "auto" took.

    Raises:
        RequestError: the file is missing, of another kind, holds code, or does not fit the model, whose weights are then unchanged.
        VisionfwError: the file cannot be read.
    """
    path = existing_file(file)
    if names is None and path.name.endswith(SUFFIXES):
        _load_own_weights(model, path)
        return []
    weights = read_weights(path)
    remarks = load_by_names(model, weights, names) if isinstance(names, Mapping) else load_by_reference(model, weights)
    return assign(model, weights, names) if remarks is None else remarks


def existing_file(file: str | Path) -> Path:
    """Return the path of a weight file that is there. Raises RequestError."""
    path = user_path(file)
    if not path.is_file():
        raise RequestError(f"weights: {path} is a folder; name the file in it" if path.is_dir() else f"weights: no file {path}")
    return path


def load_initial_weights(model: keras.Model, path: Path) -> list[str]:
    """Load the weights that training starts from: all of a file that fits, or what a model of the same family has in the same shapes.

    Returns:
        Remarks, each with the file's name.

    Raises:
        RequestError, VisionfwError: as `load_weights`; or nothing of the file fits.
    """
    if path.name.endswith(SUFFIXES):
        return load_weights(model, path)
    weights = read_weights(path)
    remarks = load_by_reference(model, weights)
    if remarks is None:
        remarks = load_what_fits(model, weights) if has_reference(model) else load_weights(model, path)
    return [f"weights {path.name}: {remark}" for remark in remarks]


def _load_own_weights(model: keras.Model, path: Path) -> None:
    """Load weights that visionfw or Keras saved for a model with the same layer names."""
    before = model.get_weights()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.load_weights(path)
        for warning in caught:
            if issubclass(warning.category, UserWarning):  # what Keras warns about and goes on: a part of the file does not fit
                raise warning.message if isinstance(warning.message, Warning) else UserWarning(warning.message)
    except (ValueError, OSError, KeyError, UserWarning) as error:
        model.set_weights(before)
        raise RequestError(f"weights {path}: do not fit {model.name}: {_mismatch(error)}") from error
    for warning in caught:  # deprecations in Keras, h5py or NumPy are for developers to see, and no reason to fail
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _mismatch(error: BaseException) -> str:
    """Extract from Keras' long message which layer does not fit."""
    layer = re.search(r"object <\S+ name=([^,]+)", str(error))
    shapes = re.search(r"variable\.shape=(\([^)]*\)), Received: value\.shape=(\([^)]*\))", str(error))
    if shapes:
        return f"{layer.group(1) if layer else 'a layer'} has a weight of shape {shapes.group(1)}, the file {shapes.group(2)}"
    return f"the file has no weights for {layer.group(1)}" if layer else brief(error)


def load(source: str | Path) -> keras.Model:
    """Load a model from a run directory or a .keras file.

    Args:
        source: a run directory, 'latest', or a .keras file.

    Returns:
        A run's model with the weights of its best validation, in float32 whatever dtype policy is set; a .keras file's model as it was saved.

    Raises:
        RequestError: there is no such run or file.
        VisionfwError: it cannot be read.
    """
    path = user_path(source)
    if path.suffix == ".keras":
        return _load_keras(path)
    return load_run(runs.find(path))


@contextmanager
def precision(name: str) -> Iterator[str]:
    """Build models in a precision inside a `with` block; yields the dtype policy's name.

    Args:
        name: a name from config.PRECISIONS; 'auto' depends on the hardware.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(choose_precision(name))
    try:
        yield keras.config.dtype_policy().name
    finally:
        keras.config.set_dtype_policy(before)


def examine_run(run: runs.Run) -> tuple[Definition, Checked | None]:
    """Parse and check a run's model.json, once for everything that is done with the run.

    Returns:
        The definition, and what the check found out; None where its blocks were Python functions, which a run keeps compiled only.

    Raises:
        RequestError: it uses a layer or block of the user's own that is not registered.
        VisionfwError: model.json is damaged.
    """
    require_members(run)
    definition, problems = parse(run.read_model())
    if definition is None or problems:
        raise VisionfwError(f"{run.model}: is damaged: {problems[0]}")
    if run.architecture.exists():
        return definition, None
    try:
        checked = examine(definition)
    except ModelDefinitionError as error:
        raise VisionfwError(f"{run.model}: is damaged: {error.problems[0]}") from error
    return checked.definition, checked


def load_run(run: runs.Run, precision_name: str = "float32", checked: Checked | None = None) -> keras.Model:
    """Load a run's model with the weights of its best validation. Runs no code: a model of Python functions was stored compiled.

    Args:
        run: the run.
        precision_name: the precision that the model computes in, see `precision`.
        checked: what `examine_run` returned, where that was called already.

    Raises:
        VisionfwError: the run has no weights, or a file is damaged.
    """
    if not run.best.is_file():
        last = f"; its last weights are in {run.last}" if run.last.is_file() else ""
        raise VisionfwError(f"run {run.folder}: was never validated, so it has no best weights{last}")
    with precision(precision_name):
        checked = checked or examine_run(run)[1]
        model = _load_architecture(run.architecture) if checked is None else compile_model(checked)
    load_weights(model, run.best)
    return model


def _load_architecture(path: Path) -> keras.Model:
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_unknown_classes(path, json.loads(text))
        model = keras.models.model_from_json(text, custom_objects=custom_objects())
    except RequestError:
        raise
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise VisionfwError(f"{path}: is damaged: {brief(error)}") from error
    if not isinstance(model, keras.Model):
        raise VisionfwError(f"{path}: is damaged: it holds no model")
    return model


def _load_keras(path: Path) -> keras.Model:
    if not path.is_file():
        raise RequestError(f"no file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_unknown_classes(path, json.loads(archive.read("config.json")))
        return keras.saving.load_model(path, custom_objects=custom_objects(), compile=False)
    except RequestError:
        raise
    except (ValueError, OSError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise VisionfwError(f"{path}: cannot be loaded: {brief(error)}") from error


def _refuse_unknown_classes(path: Path, config: Any) -> None:
    """Raise RequestError where a saved model holds a class that must not be deserialized."""
    problems = saved_model_problems(config)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise RequestError(f"{path}: is not loaded: {problems[0]}{more}; a layer class of your own is registered with vf.register_layer first")
