"""Tell a file's architecture and its arguments by keys and shapes, and load the file into a model of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from visionfw.errors import ModelDefinitionError, RequestError, VisionfwError, brief, some
from visionfw.graph.build import compile_model, definition_of
from visionfw.graph.checking.check import Checked, examine
from visionfw.interchange.placement import Placement, place_weights, read_values
from visionfw.interchange.references import Reference, RuledOut, installed_references, reference_of
from visionfw.interchange.state import State
from visionfw.weights.files import WeightFile
from visionfw.weights.layouts import Misfit

#: Prefixes that trainers and compilers put before every key.
_PREFIXES = ("module.", "_orig_mod.", "netG.", "net_g.", "generator.", "model.", "net.")
_MAX_NEAREST = 8  # architectures that a refusal lists


@dataclass(frozen=True)
class Identified:
    """A file's architecture.

    Attributes:
        reference: the architecture.
        arguments: those of its function.
        checked: its dictionary.
        model: the model with the file's weights.
        remarks: what was assumed, and what of the file was not used.
    """

    reference: Reference
    arguments: Mapping[str, Any]
    checked: Checked
    model: keras.Model
    remarks: tuple[str, ...]


def identify(file: WeightFile, references: Sequence[Reference] | None = None) -> Identified:
    """Find the architecture of a file among those that come with the package, and load it.

    Args:
        file: what `read_weights` returned.
        references: the architectures to try; all that are installed unless given.

    Raises:
        RequestError: it is none of them; the nearest are listed with the reason why each was ruled out.
    """
    references = installed_references() if references is None else references
    reasons: dict[str, str] = {}
    for arrays in _spellings(file.arrays):
        found = _identify(file, arrays, references, reasons)
        if found is not None:
            return found
    raise RequestError(_refusal(file, references, reasons))


def _identify(file: WeightFile, arrays: Mapping[str, np.ndarray], references: Sequence[Reference], reasons: dict[str, str]) -> Identified | None:
    """Return the architecture that uses most of a state_dict; None where none fits, with the reasons in `reasons`."""
    state = State({key: values.shape for key, values in arrays.items()})
    best: tuple[int, Identified] | None = None
    for reference in references:
        try:
            arguments = reference.arguments_of(state)
            found, unused = _load(reference, arguments, arrays)
        except RuledOut as error:
            reasons.setdefault(reference.name, str(error))
            continue
        if best is None or unused < best[0]:
            best = unused, found
    return best[1] if best else None


def _load(reference: Reference, arguments: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[Identified, int]:
    """Return an architecture with the weights of a state_dict, and the number of arrays that it does not use. Raises RuledOut."""
    try:
        checked = examine(reference.dictionary(arguments))
        model = compile_model(checked)
    except (ValueError, TypeError, VisionfwError) as error:
        text = error.problems[0] if isinstance(error, ModelDefinitionError) else brief(error)
        raise RuledOut(f"{_call_text(reference, arguments)} cannot be built: {text}") from error
    try:
        placement = best_placement(model, reference, arguments, arrays)
        values = read_values(placement, arrays)
    except Misfit as error:
        raise RuledOut(f"{_call_text(reference, arguments)} has other weights: {error}") from error
    _assign(values)
    unused = [key for key in arrays if key not in placement.keys]
    remarks = [f"is {_call_text(reference, arguments)}"]
    remarks += [f"assumed {', '.join(assumed)}, which no shape tells"] if (assumed := reference.assumptions(arguments)) else []
    remarks += [f"not used of the file: {some(unused)}"] if unused else []
    return Identified(reference, arguments, checked, model, tuple(remarks)), len(unused)


def best_placement(model: keras.Model, reference: Reference, arguments: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Placement:
    """Return the placement of a model's weights by the spelling of the reference's keys that a file has. Raises Misfit for unnamed weights."""
    placements = [place_weights(model, names) for names in reference.maps(arguments)]
    placement = min(placements, key=lambda one: len(one.missing(arrays)))
    if placement.unnamed:
        raise Misfit(f"{reference.path.name} names no keys for {some(placement.unnamed)}")
    return placement


def load_by_reference(model: keras.Model, file: WeightFile) -> list[str] | None:
    """Load a file by the names of the reference implementation of the model's architecture.

    Returns:
        Remarks: what of the file was not used; None where the architecture has no reference, or the file has other keys.
    """
    definition = definition_of(model)
    reference = reference_of(definition.origin["model"]) if definition is not None and definition.origin is not None else None
    if reference is None or definition is None or definition.origin is None:
        return None
    for arrays in _spellings(file.arrays):
        with suppress(Misfit):
            placement = best_placement(model, reference, definition.origin["arguments"], arrays)
            _assign(read_values(placement, arrays))
            unused = [key for key in arrays if key not in placement.keys]
            return [f"not used of the file: {some(unused)}"] if unused else []
    return None


def _assign(values: Sequence[tuple[keras.Variable, np.ndarray]]) -> None:
    for variable, value in values:
        variable.assign(np.asarray(value, np.float32))


def _call_text(reference: Reference, arguments: Mapping[str, Any]) -> str:
    return f"{reference.name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def _spellings(arrays: Mapping[str, np.ndarray]) -> list[Mapping[str, np.ndarray]]:
    """Return a file's arrays as they are, and without each prefix that all keys share; weight normalization is multiplied out."""
    spellings: list[Mapping[str, np.ndarray]] = [_without_weight_normalization(arrays)]
    shortened = True
    while shortened:
        keys = list(spellings[-1])
        shortened = False
        for prefix in _PREFIXES:
            if all(key.startswith(prefix) for key in keys):
                spellings.append({key.removeprefix(prefix): values for key, values in spellings[-1].items()})
                shortened = True
                break
    return spellings


def _without_weight_normalization(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a state_dict with the weight `w = g * v / |v|` in place of PyTorch's `weight_g` and `weight_v`."""
    plain = {}
    for key, values in arrays.items():
        if re.search(r"weight_g$|parametrizations\.weight\.original0$", key):
            continue
        direction = re.search(r"weight_v$|parametrizations\.weight\.original1$", key)
        length = arrays.get(re.sub(r"weight_v$", "weight_g", re.sub(r"original1$", "original0", key))) if direction else None
        if direction is None or length is None:
            plain[key] = values
            continue
        norms = np.sqrt(np.square(values.astype(np.float64)).sum(axis=tuple(range(1, values.ndim)), keepdims=True))
        plain[f"{key[: direction.start()]}weight"] = values / norms * length.reshape(norms.shape)
    return plain


# --- files of no architecture that is known ----------------------------------------------------------------------------


def _refusal(file: WeightFile, references: Sequence[Reference], reasons: Mapping[str, str]) -> str:
    """Write why a file cannot be opened: the nearest architectures, and why each was ruled out."""
    likeness = {reference.name: _likeness(file, reference) for reference in references}
    nearest = sorted((name for name in reasons if likeness[name] > 0), key=lambda name: (-likeness[name], name))[:_MAX_NEAREST]
    lines = [f"weights {file.path}: no architecture of this package has these {len(file.arrays)} arrays ({some(list(file.arrays), 3)})"]
    lines += [f"  {name} ({likeness[name]:.0%} of the keys): {reasons[name]}" for name in nearest]
    if not nearest:
        lines += ["  no architecture has keys like these; write its dictionary and name it with --model (docs/weights.md)"]
    return "\n".join(lines)


def _likeness(file: WeightFile, reference: Reference) -> float:
    """Return the share of a file's keys that look like keys of an architecture with its default arguments, numbers aside."""
    keys = {re.sub(r"\d+", "*", key) for key in file.arrays}
    try:
        maps = reference.maps({})
    except Exception:  # a user's function may raise anything; this is only about the order of a list
        return 0.0
    prefixes = {re.sub(r"\d+|\{[^{}]*\}|\*", "*", value.partition(".reshape(")[0]) for names in maps for value in names.values()}
    prefixes = {prefix for prefix in prefixes if prefix.strip("*.")}
    return sum(any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes) for key in keys) / len(keys)
