"""Blocks, repeats and shared weights written out: a definition -> one flat list of layer calls with their stable names.

Check, build, cost and the table all read this list; the folded form is for people. No Keras here.

Names: a link's layer is `GROUP_TARGET`, inside blocks `GROUP_TARGET-GROUP_TARGET`, with the copy's number (from 0) after a repeated
link: `block_body-3-conv_q`. On a shared link the tag stands in the target's place. Names never depend on the dictionary's order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visionfw.errors import brief, unknown
from visionfw.graph.records import Definition, Function, Graph, Link
from visionfw.graph.schema import parse_block

Scopes = tuple[Mapping[str, Graph | Function], ...]


@dataclass(frozen=True)
class Call:
    """One application of one layer, or of one block that is a Python function.

    Attributes:
        name: the layer's name in the Keras model; calls with the same name use the same weights.
        link: the link it comes from.
        sources: identifiers of the tensors it reads.
        target: identifier of the tensor it makes.
        where: its address for messages.
        function: the Python function, where the link is a block of that kind.
    """

    name: str
    link: Link
    sources: tuple[str, ...]
    target: str
    where: str
    function: Callable | None = None


@dataclass(frozen=True)
class Expanded:
    """A definition's calls in graph order, and the tensors that are its inputs and outputs by name."""

    calls: tuple[Call, ...]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def expand(definition: Definition, functions: Mapping[str, Callable], registered: Mapping[str, Callable]) -> tuple[Expanded, list[str]]:
    """Write out a definition.

    Args:
        definition: a definition without problems of its own.
        functions: Python functions that links may name as blocks: those of the file that the dictionary came from.
        registered: the registered blocks.

    Returns:
        The expanded graph and the problems found: unknown blocks, a block that contains itself, wrong numbers of sources, links
        that share weights and differ.
    """
    expander = _Expander(definition.name, functions, registered)
    nodes = {node: f"input {name}" for name, node in definition.graph.inputs}
    tensors = expander.run(definition.graph, ("", ""), nodes, ({**definition.graph.blocks},), definition.name, ())
    inputs = {name: f"input {name}" for name, _ in definition.graph.inputs}
    outputs = {name: tensors[node] for name, node in definition.graph.outputs if node in tensors}
    problems = list(dict.fromkeys(expander.problems + _sharing_problems(definition.name, expander.calls)))
    return Expanded(tuple(expander.calls), inputs, outputs), problems


class _Expander:
    def __init__(self, title: str, functions: Mapping[str, Callable], registered: Mapping[str, Callable]):
        self.title = title
        self.functions = functions
        self.registered = registered
        self.calls: list[Call] = []
        self.problems: list[str] = []
        self.built: dict[tuple, Graph | None] = {}

    def run(self, graph: Graph, prefixes: tuple[str, str], tensors: dict, scopes: Scopes, path: str, inside: tuple[int, ...]) -> dict:
        """Write out one graph whose input nodes are bound in `tensors`; return the tensors of all its nodes.

        `prefixes` stand before its layers' names, which shared blocks have in common, and before its tensors, which nothing shares.
        """
        layer_prefix, tensor_prefix = prefixes
        for link in graph.links:
            where = f"{path}: {link.where}"
            block, inner = self._block(link, scopes, where) if link.group == "block" else (None, scopes)
            if link.group == "block" and (block is None or not self._fits(block, link, where, inside)):
                tensors[link.target] = f"{tensor_prefix}{link.target}"
                self.calls.append(Call("", link, (), tensors[link.target], where))
                continue
            current, others = tensors[link.sources[0]], [tensors[node] for node in link.sources[1:]]
            for copy in range(link.repeat or 1):
                name = layer_prefix + link_name(link, copy)
                place = f"{tensor_prefix}{link.group}_{link.target}" + ("" if link.repeat is None else f"-{copy}")
                if isinstance(block, Graph):
                    bound = dict(zip((node for _, node in block.inputs), [current, *others], strict=True))
                    made = self.run(block, (f"{name}-", f"{place}-"), bound, inner, where, (*inside, id(block)))
                    current = made[block.outputs[0][1]]
                else:
                    function = block.call if isinstance(block, Function) else None
                    self.calls.append(Call(name, link, (current, *others), place, where, function))
                    current = place
            tensors[link.target] = current
        return tensors

    def _block(self, link: Link, scopes: Scopes, where: str) -> tuple[Graph | Function | None, Scopes]:
        for depth, scope in enumerate(scopes):
            if link.layer in scope:
                block = scope[link.layer]
                if isinstance(block, Function):
                    return self._function(block, link, where), scopes
                inner = scopes[depth:]
                if set(link.parameters):
                    self._unknown_parameters(link, where, ())
                return block, ({**block.blocks}, *inner)
        if link.layer in self.registered:
            return self._registered(link, where)
        if link.layer in self.functions:
            return self._function(Function(link.layer, self.functions[link.layer]), link, where), scopes
        names = {name for scope in scopes for name in scope} | set(self.registered) | set(self.functions)
        self.problems.append(f"{where}: {unknown('block', link.layer, names)}")
        return None, scopes

    def _function(self, block: Function, link: Link, where: str) -> Function | None:
        call = block.call or self.functions.get(block.name)
        if call is None:
            self.problems.append(f"{where}: block '{block.name}' is a Python function, which JSON can't hold; build it from the Python file that defines it")
            return None
        self._unknown_parameters(link, where, list(inspect.signature(call).parameters)[1:])
        return Function(block.name, call)

    def _registered(self, link: Link, where: str) -> tuple[Graph | Function | None, Scopes]:
        entry = self.registered[link.layer]
        arguments = inspect.signature(entry).parameters
        positional = [a for a in arguments.values() if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
        if any(argument.default is argument.empty for argument in positional):
            return self._function(Function(link.layer, entry), link, where), ()
        if self._unknown_parameters(link, where, list(arguments)):
            return None, ()
        key = (link.layer, repr(sorted(link.parameters.items())))
        if key not in self.built:
            self.built[key] = self._read_registered(link, entry, where)
        graph = self.built[key]
        return graph, ({**graph.blocks},) if graph else ()

    def _read_registered(self, link: Link, entry: Callable, where: str) -> Graph | None:
        try:
            dictionary = entry(**link.parameters)
        except Exception as error:
            self.problems.append(f"{where}: block '{link.layer}' failed: {brief(error)}")
            return None
        graph, problems = parse_block(link.layer, dictionary)
        self.problems += [f"{where}: {problem}" for problem in problems]
        return None if problems else graph

    def _unknown_parameters(self, link: Link, where: str, known: Sequence[str]) -> bool:
        wrong = [key for key in link.parameters if key not in known]
        self.problems += [f"{where}: block '{link.layer}': {unknown('parameter', key, [*known, 'repeat', 'share'])}" for key in wrong]
        return bool(wrong)

    def _fits(self, block: Graph | Function, link: Link, where: str, inside: tuple[int, ...]) -> bool:
        if isinstance(block, Function):
            return True
        if id(block) in inside:
            self.problems.append(f"{where}: block '{link.layer}' contains itself")
            return False
        if len(block.inputs) != len(link.sources):
            self.problems.append(f"{where}: block '{link.layer}' takes {_count(len(block.inputs))}, not {len(link.sources)}")
            return False
        return bool(block.outputs)


def link_name(link: Link, copy: int = 0) -> str:
    """Return the name of a link's layer, or of one copy of it, inside its own graph."""
    if link.share is not None:
        return f"{link.group}_{link.share}"
    return f"{link.group}_{link.target}" + ("" if link.repeat is None else f"-{copy}")


def _count(number: int) -> str:
    return "1 source" if number == 1 else f"{number} sources"


def _sharing_problems(title: str, calls: Sequence[Call]) -> list[str]:
    """Find calls of one name that are not meant to share, or that share and are not the same layer."""
    problems = []
    first: dict[str, Call] = {}
    for call in calls:
        other = first.setdefault(call.name, call)
        if not call.name or other is call:
            continue
        if (other.link.layer, other.link.parameters) != (call.link.layer, call.link.parameters):
            problems.append(f"{call.where}: shares weights with {other.link.where}, but is {layer_text(call.link)} and that is {layer_text(other.link)}")
        elif other.link is not call.link and (other.link.share, call.link.share).count(None) == 1:
            problems.append(f"{call.where}: the tag {other.link.share or call.link.share!r} is also a node's name; choose another tag")
    return problems


def layer_text(link: Link) -> str:
    """Write a link's layer as one would call it: "Conv2D(filters=64, kernel_size=3)"."""
    said = ", ".join(f"{key}={value!r}" for key, value in link.parameters.items() if _is_short(value))
    return f"{link.layer}({said})"


def _is_short(value: Any) -> bool:
    return value is not None and len(repr(value)) <= 40
