"""Assign foreign weights to a Keras model, by order or by names. All or nothing: a model that does not fit is left as it was."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import keras
import numpy as np

from visionfw.errors import RequestError, some, unknown
from visionfw.weights.files import WeightFile
from visionfw.weights.layouts import Misfit, converted, role_of, weights_of
from visionfw.weights.modules import Module, modules_of
from visionfw.weights.name_patterns import look_up
from visionfw.weights.pitfalls import warnings_of
from visionfw.weights.proposal import Layers, Mismatch, Pairs, Proposal, propose

#: Layouts to try for a file, its own first: arrays are also carried from one program to another as they are.
_LAYOUTS = {"pytorch": ("pytorch", "keras"), "matlab": ("matlab", "pytorch"), "keras": ("keras", "pytorch")}


@dataclass(frozen=True)
class _Match:
    """A file's weights, matched to a model's layers.

    Attributes:
        values: each layer with the values of its weights.
        used: names of the modules that they come from.
        remarks: what the user should know.
    """

    values: list[tuple[keras.layers.Layer, list[np.ndarray]]]
    used: Collection[str] = ()
    remarks: Sequence[str] = ()


def assign(model: keras.Model, file: WeightFile, names: Mapping[str, str] | str | None = None) -> list[str]:
    """Assign the weights of a file to a model.

    Args:
        model: a built model; its layers count in the order of the graph.
        file: what `read_weights` returned.
        names: our layer's name -> the prefix of their keys; '*' stands for the same text on both sides. Without it, weights are assigned
            where shapes, or the order of the file together with its names, leave no choice; "auto" takes the likeliest assignment.

    Returns:
        Remarks: weights of the file that were not used, how sure an assignment is that "auto" took.

    Raises:
        RequestError: layers that get no weights, weights of another shape, or a choice that nothing decides; all are listed.
    """
    layers = list(_layers_with_weights(model))
    modules, loose = modules_of(file.arrays)
    problems: list[str] = []
    for layout in _LAYOUTS[file.layout]:
        try:
            match = _match(layers, modules, file, names, layout)
        except Mismatch as error:
            problems = problems or error.problems
            continue
        for layer, arrays in match.values:
            for variable, array in zip(weights_of(layer), arrays, strict=True):
                variable.assign(np.asarray(array, np.float32))
        unused = [*(name for name in modules if name not in match.used), *loose] if modules else []
        remarks = [f"not used of the file: {some(unused)}"] if unused else []
        return [*match.remarks, *remarks, *warnings_of(layers, modules, match.used, layout)]
    raise RequestError("\n".join(f"weights {file.path}: {problem}" for problem in problems))


def propose_names(model: keras.Model, file: WeightFile) -> Proposal:
    """Return the likeliest assignment of a file's weights to a model's layers.

    Raises:
        RequestError: the shapes do not fit, or the keys name no layers.
    """
    layers, (modules, _) = list(_layers_with_weights(model)), modules_of(file.arrays)
    if not modules:
        raise RequestError(f"weights {file.path}: its keys name no layers, so its arrays are taken in order")
    problems: list[str] = []
    for layout in _LAYOUTS[file.layout]:
        try:
            return propose(layers, modules, file.is_ordered, layout)
        except Mismatch as error:
            problems = problems or error.problems
    raise RequestError("\n".join(f"weights {file.path}: {problem}" for problem in problems))


def _layers_with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_weights(layer)
        elif weights_of(layer):
            yield layer


def _match(layers: Layers, modules: Mapping[str, Module], file: WeightFile, names: Mapping[str, str] | str | None, layout: str) -> _Match:
    """Match a file's modules to a model's layers. Raises Mismatch, and RequestError where nothing decides which is which."""
    if isinstance(names, Mapping):
        return _converted(_by_names(layers, modules, names), layout)
    if not modules:
        return _by_position(layers, list(file.arrays.values()), layout)
    proposal = propose(layers, modules, file.is_ordered, layout)
    if not proposal.is_sure and names != "auto":
        hint = "--weight_names=show prints the likeliest assignment, --weight_names=auto takes it (in Python: names='auto')"
        raise RequestError(f"weights {file.path}: {proposal.doubt}; {hint}")
    return _converted(proposal.pairs, layout, [] if proposal.is_sure else [proposal.certainty])


def _converted(pairs: Pairs, layout: str, remarks: Sequence[str] = ()) -> _Match:
    """Convert each layer's module. Raises Mismatch with every one that does not fit."""
    values, problems = [], []
    for layer, name, module in pairs:
        try:
            values.append((layer, converted(layer, module, layout)))
        except Misfit as error:
            problems.append(f"{layer.name} from {name}: {error}")
    if problems:
        raise Mismatch(problems)
    return _Match(values, {name for _, name, _ in pairs}, remarks)


def _by_position(layers: Layers, arrays: Sequence[np.ndarray], layout: str) -> _Match:
    """Take arrays that name no role as the layers' weights, one after the other. Raises Mismatch."""
    needed = sum(len(weights_of(layer)) for layer in layers)
    if needed != len(arrays):
        raise Mismatch([f"the model has {needed} arrays of weights, the file {len(arrays)}"])
    remaining = iter(arrays)
    pairs = [(layer, "its place in the file", {role_of(variable): next(remaining) for variable in weights_of(layer)}) for layer in layers]
    return _Match(_converted(pairs, layout).values)


# --- by names ----------------------------------------------------------------------------------------------------------


def _by_names(layers: Layers, modules: Mapping[str, Module], names: Mapping[str, str]) -> Pairs:
    """Pair layers with the modules that `names` gives. Raises Mismatch."""
    own = {layer.name: layer for layer in layers}
    prefixes = {name: _prefix(name, names) for name in own}
    problems = [f"names: {unknown('layer with weights', name, own)}" for name in names if not any(fnmatchcase(layer, name) for layer in own)]
    unnamed = [name for name, prefix in prefixes.items() if prefix is None]
    if unnamed:
        problems.append(f"names: nothing for {len(unnamed)} layer{'s' if len(unnamed) > 1 else ''}: {some(unnamed)}")
    missing = sorted({prefix for prefix in prefixes.values() if prefix is not None and prefix not in modules})
    problems += [f"names: {unknown('key that begins', prefix, modules)}" for prefix in missing[:_MAX_MISSING]]
    if len(missing) > _MAX_MISSING:
        problems.append(f"names: {len(missing) - _MAX_MISSING} more prefixes begin no key of the file")
    if problems:
        raise Mismatch(problems)
    return [(own[name], prefix, modules[prefix]) for name, prefix in prefixes.items() if prefix is not None]


_MAX_MISSING = 5  # prefixes that are listed


def _prefix(layer: str, names: Mapping[str, str]) -> str | None:
    """Return the prefix that `names` gives a layer; None where it gives none."""
    prefix = look_up(layer, names)
    return None if prefix is None else prefix.removeprefix("module.")
