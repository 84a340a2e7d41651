"""Write a model's weights under the names of its reference implementation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from visionfw.errors import RequestError
from visionfw.graph.build import definition_of
from visionfw.graph.checking.check import examine
from visionfw.graph.folding.fold import fold_blocks
from visionfw.graph.language.ir import Definition, to_dictionary
from visionfw.graph.language.parser import parse
from visionfw.interchange.placement import Placement, place_weights, write_values
from visionfw.interchange.references import Reference, require_reference
from visionfw.io.files import atomic_path, reporting_write_errors
from visionfw.weights.pytorch_writer import write_pytorch

#: Suffixes of files that hold a reference's state_dict.
REFERENCE_SUFFIXES = (".safetensors", ".pth")


def reference_arrays(model: keras.Model, dictionary: Mapping[str, Any] | Definition | None = None) -> tuple[Reference, dict[str, np.ndarray]]:
    """Return a model's weights as its reference implementation's state_dict.

    Args:
        model: a built model of an architecture whose file names a reference.
        dictionary: its dictionary; needed for a model that was not built from a dictionary in this process.

    Raises:
        RequestError: the architecture is not known, has no reference, or the model differs from it.
    """
    definition = definition_of(model) if dictionary is None else parse(dictionary)[0]
    if definition is None:
        raise RequestError(f"model {model.name}: was not built from a dictionary here, so its architecture is not known; pass dictionary=")
    if definition.origin is None:
        raise RequestError(f"model {model.name}: its dictionary does not say which file of model_defs it is from, so its reference is not known")
    reference = require_reference(definition.origin["model"])
    arguments = definition.origin["arguments"]
    _refuse_other_model(definition, reference, arguments)
    placement = place_weights(model, reference.maps(arguments)[0])
    return reference, write_values(placement) | (_folded_values(placement, definition, model) if placement.folded else {})


def _folded_values(placement: Placement, definition: Definition, model: keras.Model) -> dict[str, np.ndarray]:
    """Return the convolutions that branches add up to, which the reference holds beside the branches."""
    values: dict[str, np.ndarray] = {}
    convolutions = fold_blocks(definition, model, placement.folded.values())
    for prefix, block in placement.folded.items():
        kernel, bias = convolutions[block]
        values |= {f"{prefix}.weight": np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), f"{prefix}.bias": bias}
    return values


def _refuse_other_model(definition: Definition, reference: Reference, arguments: Mapping[str, Any]) -> None:
    """Raise RequestError where a definition is not what the architecture's function returns any more."""
    original = examine(reference.dictionary(arguments), definition.scale).definition
    if _graph(original) != _graph(definition):
        raise RequestError(f"model {definition.name}: differs from {reference.name}'s own dictionary, so its reference would compute something else")


def _graph(definition: Definition) -> dict[str, Any]:
    """Return what a definition computes, without what is said about it."""
    return {key: value for key, value in to_dictionary(definition).items() if key not in ("name", "paper", "scale", "origin")}


def save_reference_weights(model: keras.Model, path: Path, dictionary: Mapping[str, Any] | Definition | None = None) -> None:
    """Write a model's weights under the names of its reference implementation, as .safetensors or .pth.

    Raises:
        RequestError: as `reference_arrays`, or the file is of another kind.
        VisionfwError: the file cannot be written; nothing half-written stays.
    """
    if path.suffix not in REFERENCE_SUFFIXES:
        raise RequestError(f"weights {path}: a file with the reference's names ends in {' or '.join(REFERENCE_SUFFIXES)}, not in {path.suffix!r}")
    _, arrays = reference_arrays(model, dictionary)
    with reporting_write_errors(path), atomic_path(path) as temporary:
        if path.suffix == ".pth":
            write_pytorch(temporary, arrays)
        else:
            _write_safetensors(temporary, arrays)


def _write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    save_file({key: np.ascontiguousarray(values).reshape(values.shape) for key, values in arrays.items()}, path, metadata={"format": "pt"})
