"""Load a file into a model of the architecture that its keys and shapes tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from visionfw.errors import ModelDefinitionError, RequestError, VisionfwError, brief, some
from visionfw.graph.build import compile_model, definition_of
from visionfw.graph.checking.check import Checked, examine
from visionfw.interchange.detection import Arrays, Candidate, candidates, refusal, spellings
from visionfw.interchange.placement import Placement, place_weights, read_values
from visionfw.interchange.references import NameMap, Reference, RuledOut, installed_references, reference_of
from visionfw.weights.files import WeightFile
from visionfw.weights.layouts import Misfit


@dataclass(frozen=True)
class Identified:
    """A file's architecture, and the model with its weights.

    Attributes:
        candidate: the architecture and its arguments.
        checked: its dictionary.
        model: the model with the file's weights.
        remarks: what was assumed, and what of the file was not used.
    """

    candidate: Candidate
    checked: Checked
    model: keras.Model
    remarks: tuple[str, ...]

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the architecture's function."""
        return self.candidate.arguments


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
    best: tuple[int, Identified] | None = None
    for candidate in candidates(file, references, reasons):
        try:
            found, unused = _load(candidate, file.notes)
        except RuledOut as error:
            reasons[candidate.reference.name] = str(error)
            continue
        if best is None or unused < best[0]:
            best = unused, found
    if best is None:
        raise RequestError(refusal(file, references, reasons))
    return best[1]


def _load(candidate: Candidate, notes: Sequence[str] = ()) -> tuple[Identified, int]:
    """Return a candidate's model with its weights, and the number of arrays that it does not use. Raises RuledOut."""
    reference, arguments = candidate.reference, candidate.arguments
    try:
        checked = examine(reference.dictionary(arguments))
        model = compile_model(checked)
    except (ValueError, TypeError, VisionfwError) as error:
        text = error.problems[0] if isinstance(error, ModelDefinitionError) else brief(error)
        raise RuledOut(f"{candidate.text} cannot be built: {text}") from error
    try:
        placement = best_placement(model, reference, arguments, candidate.arrays)
        _assign(read_values(placement, candidate.arrays))
    except Misfit as error:
        raise RuledOut(f"{candidate.text} has other weights: {error}") from error
    unused = [key for key in candidate.arrays if key not in placement.keys]
    remarks = (*_remarks(candidate, unused), *_other_constants(placement.constants, candidate.arrays), *notes)
    return Identified(candidate, checked, model, remarks), len(unused)


def _other_constants(constants: Arrays, arrays: Arrays) -> Iterator[str]:
    """Yield a remark for each constant of an architecture, such as the mean color, that has other values in a file; markers of one value do not count."""
    for key, values in constants.items():
        found = arrays.get(key)
        if found is None or found.shape != values.shape or values.size == 1 or np.allclose(found, values, rtol=1e-3, atol=1e-3):
            continue
        place = int(np.argmax(np.abs(found.astype(np.float64) - values)))
        yield f"differs: {key} has {found.flat[place]:.6g} in the file where this architecture has {values.flat[place]:.6g}, so outputs may be wrong"


def _remarks(candidate: Candidate, unused: Sequence[str]) -> list[str]:
    assumed = candidate.reference.assumptions(candidate.arguments)
    remarks = [f"is {candidate.text}"]
    remarks += [f"assumed {', '.join(assumed)}, which no shape tells"] if assumed else []
    return remarks + ([f"not used of the file: {some(unused)}"] if unused else [])


def best_placement(model: keras.Model, reference: Reference, arguments: Mapping[str, Any], arrays: Arrays) -> Placement:
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
    origin = _origin_of(model)
    if origin is None:
        return None
    reference, arguments = origin
    for arrays in spellings(file.arrays):
        with suppress(Misfit):
            placement = best_placement(model, reference, arguments, arrays)
            _assign(read_values(placement, arrays))
            unused = [key for key in arrays if key not in placement.keys]
            return [f"not used of the file: {some(unused)}"] if unused else []
    return None


def load_by_names(model: keras.Model, file: WeightFile, names: NameMap) -> list[str] | None:
    """Load a PyTorch file by a map that names every weight, as a reference's does.

    Returns:
        Remarks: what of the file was not used; None where keys are missing or shapes are others.
    """
    placement = place_weights(model, names)
    if file.layout != "pytorch" or placement.unnamed:
        return None
    for arrays in spellings(file.arrays):
        with suppress(Misfit):
            _assign(read_values(placement, arrays))
            unused = [key for key in arrays if key not in placement.keys and not key.endswith("num_batches_tracked")]
            return [f"not used of the file: {some(unused)}"] if unused else []
    return None


def load_what_fits(model: keras.Model, file: WeightFile) -> list[str]:
    """Load those weights of a file that a model of the same family has in the same shape: the others keep their values.

    Returns:
        Remarks: the layers that start fresh, and what of the file was not used.

    Raises:
        RequestError: the model's architecture has no reference, or no weight of the file fits.
    """
    origin = _origin_of(model)
    if origin is None:
        raise RequestError(f"weights {file.path}: {model.name} has no reference implementation whose names tell which weights fit")
    placement, arrays = min(
        ((best_placement(model, *origin, arrays), arrays) for arrays in spellings(file.arrays)), key=lambda pair: len(pair[0].missing(pair[1]))
    )
    taken, fresh = [], []
    for part in placement.by_layer():
        try:
            taken.append((part, read_values(part, arrays)))
        except Misfit as error:
            fresh.append(f"{part.places[0].layer.name} ({error})")
    if not taken:
        raise RequestError(f"weights {file.path}: no weight fits {model.name}: {some(fresh, 3)}")
    for _, values in taken:
        _assign(values)
    used = {key for part, _ in taken for key in part.keys} | set(placement.constants)
    unused = [key for key in arrays if key not in used]
    remarks = [f"{len(taken)} of {len(taken) + len(fresh)} layers take their weights from the file"]
    remarks += [f"these start fresh: {some(fresh)}"] if fresh else []
    return remarks + ([f"not used of the file: {some(unused)}"] if unused else [])


def has_reference(model: keras.Model) -> bool:
    """Return whether the architecture of a model has a reference implementation whose names are known."""
    return _origin_of(model) is not None


def _origin_of(model: keras.Model) -> tuple[Reference, Mapping[str, Any]] | None:
    """Return the reference of the architecture that a model was built from, and its arguments; None without one."""
    definition = definition_of(model)
    origin = definition.origin if definition is not None else None
    reference = reference_of(origin["model"]) if origin is not None else None
    return (reference, origin["arguments"]) if reference is not None and origin is not None else None


def _assign(values: Sequence[tuple[keras.Variable, np.ndarray]]) -> None:
    for variable, value in values:
        variable.assign(np.asarray(value, np.float32))
