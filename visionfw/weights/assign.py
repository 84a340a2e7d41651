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
from visionfw.weights.pitfalls import parallel_layers, warnings_of

#: Layouts to try for a file, its own first: arrays are also carried from one program to another as they are.
_LAYOUTS = {"pytorch": ("pytorch", "keras"), "matlab": ("matlab", "pytorch"), "keras": ("keras", "pytorch")}

_NAMES = "names (--weight_names) say which is which"

Layers = Sequence[keras.layers.Layer]
#: A layer, the name of the module that is to be loaded into it, and the module.
Pairs = list[tuple[keras.layers.Layer, str, Module]]


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


class _Mismatch(Exception):
    """The file does not fit in a layout."""

    def __init__(self, problems: Sequence[str]):
        super().__init__("; ".join(problems))
        self.problems = list(problems)


def assign(model: keras.Model, file: WeightFile, names: Mapping[str, str] | None = None) -> list[str]:
    """Assign the weights of a file to a model.

    Args:
        model: a built model; its layers count in the order of the graph.
        file: what `read_weights` returned.
        names: our layer's name -> the prefix of their keys; '*' stands for the same text on both sides. Without it, modules are
            taken in order; where the two orders differ, in order among those of equal shapes.

    Returns:
        Remarks: weights of the file that were not used, an order that had to be guessed.

    Raises:
        RequestError: layers that get no weights, or weights of another shape; all are listed.
    """
    layers = list(_layers_with_weights(model))
    modules, loose = modules_of(file.arrays)
    problems: list[str] = []
    for layout in _LAYOUTS[file.layout]:
        try:
            match = _match(layers, modules, file, names, layout)
        except _Mismatch as error:
            problems = problems or error.problems
            continue
        for layer, arrays in match.values:
            for variable, array in zip(weights_of(layer), arrays, strict=True):
                variable.assign(np.asarray(array, np.float32))
        unused = [*(name for name in modules if name not in match.used), *loose] if modules else []
        remarks = [f"not used of the file: {some(unused)}"] if unused else []
        return [*match.remarks, *remarks, *warnings_of(layers, modules, match.used, layout)]
    raise RequestError("\n".join(f"weights {file.path}: {problem}" for problem in problems))


def _layers_with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_weights(layer)
        elif weights_of(layer):
            yield layer


def _match(layers: Layers, modules: Mapping[str, Module], file: WeightFile, names: Mapping[str, str] | None, layout: str) -> _Match:
    """Match a file's modules to a model's layers. Raises _Mismatch."""
    if names is not None:
        return _converted(_by_names(layers, modules, names), layout)
    if not modules:
        return _by_position(layers, list(file.arrays.values()), layout)
    remarks = []
    pairs = _in_order(layers, modules, layout)
    if pairs is None:
        pairs = _in_order_of_shapes(layers, modules, layout)
        remarks.append(f"its order is not the model's: taken in order among layers of equal shapes; {_NAMES}")
    kinds = _kinds(layers)
    if not file.is_ordered and any(len(alike) > 1 for alike in kinds):
        remarks.append(f"it holds its layers in the order of their names, which need not be the network's; {_NAMES}")
    parallel = parallel_layers(kinds)
    if parallel:
        remarks.append(f"{' and '.join(parallel)} are parallel, so which is which is a guess; {_NAMES}")
    return _converted(pairs, layout, remarks)


def _converted(pairs: Pairs, layout: str, remarks: Sequence[str] = ()) -> _Match:
    """Convert each layer's module. Raises _Mismatch with every one that does not fit."""
    values, problems = [], []
    for layer, name, module in pairs:
        try:
            values.append((layer, converted(layer, module, layout)))
        except Misfit as error:
            problems.append(f"{layer.name} from {name}: {error}")
    if problems:
        raise _Mismatch(problems)
    return _Match(values, {name for _, name, _ in pairs}, remarks)


# --- by order ----------------------------------------------------------------------------------------------------------


def _in_order(layers: Layers, modules: Mapping[str, Module], layout: str) -> Pairs | None:
    """Pair layers and modules one by one; None where the orders differ."""
    if len(layers) != len(modules) or not all(_fits(layer, module, layout) for layer, module in zip(layers, modules.values(), strict=True)):
        return None
    return [(layer, name, module) for layer, (name, module) in zip(layers, modules.items(), strict=True)]


def _in_order_of_shapes(layers: Layers, modules: Mapping[str, Module], layout: str) -> Pairs:
    """Pair the layers of each kind and shape with the modules that fit it, in order. Raises _Mismatch where there are more or fewer."""
    pairs: Pairs = []
    problems = []
    for alike in _kinds(layers):
        fitting = [(name, module) for name, module in modules.items() if _fits(alike[0], module, layout)]
        if len(fitting) == len(alike):
            pairs += [(layer, name, module) for layer, (name, module) in zip(alike, fitting, strict=True)]
            continue
        shapes = " and ".join(str(tuple(variable.shape)) for variable in weights_of(alike[0]))
        layer_names = some([layer.name for layer in alike])
        problems.append(f"{len(alike)} of the model's layers have weights of shape {shapes} ({layer_names}), {len(fitting)} of the file's")
    taken = [name for _, name, _ in pairs]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        problems.append(f"{some(twice)} would fit layers of two kinds; name them")
    if problems:
        spare = [f"{name} {_shapes(module)}" for name, module in modules.items() if name not in taken]
        raise _Mismatch([*problems, *([f"without a place in the model: {some(spare)}"] if spare else [])])
    return pairs


def _kinds(layers: Layers) -> list[list[keras.layers.Layer]]:
    """Return the layers of each kind and shape."""
    kinds: dict[tuple, list[keras.layers.Layer]] = {}
    for layer in layers:
        kinds.setdefault((type(layer), tuple(tuple(variable.shape) for variable in weights_of(layer))), []).append(layer)
    return list(kinds.values())


def _fits(layer: keras.layers.Layer, module: Module, layout: str) -> bool:
    try:
        converted(layer, module, layout)
    except Misfit:
        return False
    return True


def _shapes(module: Module) -> str:
    return " and ".join(str(values.shape) for values in module.values())


def _by_position(layers: Layers, arrays: Sequence[np.ndarray], layout: str) -> _Match:
    """Take arrays that name no role as the layers' weights, one after the other. Raises _Mismatch."""
    needed = sum(len(weights_of(layer)) for layer in layers)
    if needed != len(arrays):
        raise _Mismatch([f"the model has {needed} arrays of weights, the file {len(arrays)}"])
    remaining = iter(arrays)
    pairs = [(layer, "its place in the file", {role_of(variable): next(remaining) for variable in weights_of(layer)}) for layer in layers]
    return _Match(_converted(pairs, layout).values)


# --- by names ----------------------------------------------------------------------------------------------------------


def _by_names(layers: Layers, modules: Mapping[str, Module], names: Mapping[str, str]) -> Pairs:
    """Pair layers with the modules that `names` gives. Raises _Mismatch."""
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
        raise _Mismatch(problems)
    return [(own[name], prefix, modules[prefix]) for name, prefix in prefixes.items() if prefix is not None]


_MAX_MISSING = 5  # prefixes that are listed


def _prefix(layer: str, names: Mapping[str, str]) -> str | None:
    """Return the prefix that `names` gives a layer; None where it gives none."""
    prefix = look_up(layer, names)
    return None if prefix is None else prefix.removeprefix("module.")
