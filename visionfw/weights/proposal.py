"""The likeliest assignment of a file's weights to a model's layers without a map, and how sure it is.

Shapes decide where only one layer has them. Among layers of equal shapes there are two witnesses: the order of the file, where that is the
network's, and the names, sorted so that 2 comes before 10. Where both say the same, the assignment is sure; layers side by side, of which
neither comes first, stay a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from visionfw.errors import some
from visionfw.weights.files import natural_order
from visionfw.weights.layouts import Misfit, converted, weights_of
from visionfw.weights.modules import Module
from visionfw.weights.pitfalls import parallel_layers

Layers = Sequence[keras.layers.Layer]
#: A layer, the name of the module that is to be loaded into it, and the module.
Pairs = list[tuple[keras.layers.Layer, str, Module]]

#: What decides an assignment -> how it is said.
_SHAPE, _BOTH, _ORDER, _NAMES = "by their shape", "by order and names", "by order, and the names say otherwise", "by names alone"


class Mismatch(Exception):
    """The file does not fit in a layout; `problems` says why."""

    def __init__(self, problems: Sequence[str]):
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Proposal:
    """An assignment of a file's modules to a model's layers.

    Attributes:
        pairs: each layer and its module.
        reasons: what decides each of them.
        parallel: names of two layers side by side, which nothing tells apart; () without such.
    """

    pairs: Pairs
    reasons: tuple[str, ...]
    parallel: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether nothing was guessed."""
        return not self.parallel and all(reason in (_SHAPE, _BOTH) for reason in self.reasons)

    @property
    def names(self) -> dict[str, str]:
        """The assignment as a map: our layer -> the prefix of their keys."""
        return {layer.name: name for layer, name, _ in self.pairs}

    @property
    def certainty(self) -> str:
        """How sure the assignment is: "12 layers: 3 by their shape, 9 by names alone"."""
        counts = Counter(self.reasons)
        parts = [f"{counts[reason]} {reason}" for reason in (_SHAPE, _BOTH, _ORDER, _NAMES) if counts[reason]]
        parallel = f"; {' and '.join(self.parallel)} are side by side, so which is which is a guess" if self.parallel else ""
        return f"{len(self.pairs)} layers assigned: {', '.join(parts)}{parallel}"

    @property
    def doubt(self) -> str:
        """Which layers nothing decides."""
        unsure = [layer.name for (layer, _, _), reason in zip(self.pairs, self.reasons, strict=True) if reason not in (_SHAPE, _BOTH)]
        if not unsure:
            return f"nothing tells which of the file's weights belong to {' and which to '.join(self.parallel)}"
        is_order = _ORDER in self.reasons
        why = "the order of the file and its names disagree" if is_order else "several have the same shape and only the names tell them apart"
        return f"which weights belong to {len(unsure)} of {len(self.pairs)} layers is not certain ({some(unsure, 3)}): {why}"


def propose(layers: Layers, modules: Mapping[str, Module], is_ordered: bool, layout: str) -> Proposal:
    """Return the likeliest assignment.

    Args:
        layers: the model's layers with weights, in the order of the graph.
        modules: the file's, by name, in its order.
        is_ordered: whether that order is the network's.
        layout: the file's.

    Raises:
        Mismatch: layers and modules of a shape are not equal in number.
    """
    kinds = _kinds(layers)
    by_order = _in_order(layers, modules, layout) if is_ordered else None
    by_shapes = _in_order_of_shapes(kinds, modules, layout) if by_order is None else by_order
    by_names = _in_order_of_shapes(kinds, {name: modules[name] for name in sorted(modules, key=natural_order)}, layout)
    chosen = by_shapes if is_ordered else by_names
    alone = {id(alike[0]) for alike in kinds if len(alike) == 1}
    named = {id(layer): name for layer, name, _ in by_names}
    reasons = [_reason(id(layer) in alone, is_ordered, named[id(layer)] == name) for layer, name, _ in chosen]
    return Proposal(chosen, tuple(reasons), parallel_layers(kinds) or ())


def _reason(is_alone: bool, is_ordered: bool, agrees: bool) -> str:
    if is_alone:
        return _SHAPE
    if not is_ordered:
        return _NAMES
    return _BOTH if agrees else _ORDER


def _in_order(layers: Layers, modules: Mapping[str, Module], layout: str) -> Pairs | None:
    """Pair layers and modules one by one; None where the orders differ."""
    if len(layers) != len(modules) or not all(_fits(layer, module, layout) for layer, module in zip(layers, modules.values(), strict=True)):
        return None
    return [(layer, name, module) for layer, (name, module) in zip(layers, modules.items(), strict=True)]


def _in_order_of_shapes(kinds: Sequence[Layers], modules: Mapping[str, Module], layout: str) -> Pairs:
    """Pair the layers of each kind and shape with the modules that fit it, in order. Raises Mismatch where there are more or fewer."""
    pairs: Pairs = []
    problems = []
    for alike in kinds:
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
        raise Mismatch([*problems, *([f"without a place in the model: {some(spare)}"] if spare else [])])
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
