"""Foreign weights -> a Keras model, by order or by names. All or nothing: a model that does not fit is left as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

import keras
import numpy as np

from visionfw.errors import RequestError, some, unknown
from visionfw.weights.files import WeightFile
from visionfw.weights.layouts import Misfit, converted, role_of, weights_of
from visionfw.weights.modules import Module, modules_of
from visionfw.weights.pitfalls import side_by_side, warnings_of

#: Layouts to try for a file, its own first: arrays are also carried from one program to another as they are.
_LAYOUTS = {"pytorch": ("pytorch", "keras"), "matlab": ("matlab", "pytorch"), "keras": ("keras", "pytorch")}

_NAMES = "names (--weight_names) say which is which"

Pairs = list[tuple[keras.layers.Layer, str, Module]]


def assign(model: keras.Model, file: WeightFile, names: Mapping[str, str] | None = None) -> list[str]:
    """Give a model the weights of a file.

    Args:
        model: a built model; its layers count in the order of the graph.
        file: what `read_weights` returned.
        names: our layer's name -> the prefix of their keys; '*' stands for the same text on both sides. Without it modules are
            taken in order; where the two orders differ, in order among those of equal shapes.

    Returns:
        What a reader should know: weights of the file that were not used, an order that had to be guessed.

    Raises:
        RequestError: layers that get no weights, or weights of another shape; all are listed.
    """
    layers = list(_layers_with_weights(model))
    modules, loose = modules_of(file.arrays)
    problems: list[str] = []
    for layout in _LAYOUTS[file.layout]:
        try:
            values, used, remarks = _found(layers, modules, file, names, layout)
        except _Unfit as error:
            problems = problems or error.problems
            continue
        for layer, arrays in values:
            for variable, array in zip(weights_of(layer), arrays, strict=True):
                variable.assign(np.asarray(array, np.float32))
        left = [*(name for name in modules if name not in used), *loose] if modules else []
        return [*remarks, *([f"not used of the file: {some(left)}"] if left else []), *warnings_of(layers, modules, used, layout)]
    raise RequestError("\n".join(f"weights {file.path}: {problem}" for problem in problems))


class _Unfit(Exception):
    """The file does not fit in a layout."""

    def __init__(self, problems: Sequence[str]):
        super().__init__("; ".join(problems))
        self.problems = list(problems)


def _layers_with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_weights(layer)
        elif weights_of(layer):
            yield layer


def _found(layers, modules: dict[str, Module], file: WeightFile, names, layout: str):
    """Return [(layer, values)], the names of the modules used, and remarks. Raises _Unfit."""
    remarks: list[str] = []
    if names is not None:
        pairs = _by_names(layers, modules, names)
    elif not modules:
        return _by_position(layers, list(file.arrays.values()), layout), (), remarks
    else:
        pairs = _in_order(layers, modules, layout)
        if pairs is None:
            pairs = _in_order_of_shapes(layers, modules, layout)
            remarks.append(f"its order is not the model's: taken in order among layers of equal shapes; {_NAMES}")
        if not file.is_ordered and any(len(alike) > 1 for alike in _kinds(layers)):
            remarks.append(f"it holds its layers in the order of their names, which need not be the network's; {_NAMES}")
        beside = side_by_side(_kinds(layers))
        if beside:
            remarks.append(f"{' and '.join(beside)} stand side by side, so which is which is a guess; {_NAMES}")
    values, problems = [], []
    for layer, name, module in pairs:
        try:
            values.append((layer, converted(layer, module, layout)))
        except Misfit as error:
            problems.append(f"{layer.name} from {name}: {error}")
    if problems:
        raise _Unfit(problems)
    return values, {name for _, name, _ in pairs}, remarks


def _in_order(layers, modules: dict[str, Module], layout: str) -> Pairs | None:
    """Pair layers and modules one by one; None where the orders differ."""
    if len(layers) != len(modules) or not all(_fits(layer, module, layout) for layer, module in zip(layers, modules.values(), strict=True)):
        return None
    return [(layer, name, module) for layer, (name, module) in zip(layers, modules.items(), strict=True)]


def _in_order_of_shapes(layers, modules: dict[str, Module], layout: str) -> Pairs:
    """Pair the layers of each kind and shape with the modules that fit it, in order. Raises _Unfit where there are more or fewer."""
    pairs, problems = [], []
    for alike in _kinds(layers):
        shapes = [tuple(variable.shape) for variable in weights_of(alike[0])]
        fitting = [(name, module) for name, module in modules.items() if _fits(alike[0], module, layout)]
        if len(fitting) == len(alike):
            pairs += [(layer, name, module) for layer, (name, module) in zip(alike, fitting, strict=True)]
            continue
        shown = some([layer.name for layer in alike])
        problems.append(f"{len(alike)} of the model's layers have weights of shape {' and '.join(map(str, shapes))} ({shown}), {len(fitting)} of the file's")
    taken = [name for _, name, _ in pairs]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        problems.append(f"{some(twice)} would fit layers of two kinds; name them")
    if problems:
        spare = [f"{name} {_shapes(module)}" for name, module in modules.items() if name not in taken]
        raise _Unfit([*problems, *([f"without a place in the model: {some(spare)}"] if spare else [])])
    return pairs


def _kinds(layers) -> list[list[keras.layers.Layer]]:
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


def _by_position(layers, arrays: Sequence[np.ndarray], layout: str):
    """Take arrays that tell no role as the layers' weights, one after the other. Raises _Unfit."""
    wanted = sum(len(weights_of(layer)) for layer in layers)
    if wanted != len(arrays):
        raise _Unfit([f"the model has {wanted} arrays of weights, the file {len(arrays)}"])
    remaining, values, problems = iter(arrays), [], []
    for layer in layers:
        module = {role_of(variable): next(remaining) for variable in weights_of(layer)}
        try:
            values.append((layer, converted(layer, module, layout)))
        except Misfit as error:
            problems.append(f"{layer.name}: {error}")
    if problems:
        raise _Unfit(problems)
    return values


def _by_names(layers, modules: dict[str, Module], names: Mapping[str, str]) -> Pairs:
    """Pair layers with the modules that `names` says. Raises _Unfit."""
    own = {layer.name: layer for layer in layers}
    problems = [f"names: {unknown('layer with weights', name, own)}" for name in names if not any(fnmatchcase(layer, name) for layer in own)]
    pairs = []
    for name, layer in own.items():
        prefix = _prefix(name, names)
        if prefix is None:
            problems.append(f"names: nothing for layer {name}")
        elif prefix not in modules:
            problems.append(f"names: {unknown('key that begins', prefix, modules)}")
        else:
            pairs.append((layer, prefix, modules[prefix]))
    if problems:
        raise _Unfit(problems)
    return pairs


def _prefix(layer: str, names: Mapping[str, str]) -> str | None:
    """Return the prefix that `names` gives a layer, with what each '*' stood for; None where it gives none."""
    if layer in names:
        return names[layer].removeprefix("module.")
    for pattern, prefix in names.items():
        found = re.fullmatch("(.*?)".join(map(re.escape, pattern.split("*"))), layer)
        if found:
            for part in found.groups():
                prefix = prefix.replace("*", part, 1)
            return prefix.removeprefix("module.")
    return None
