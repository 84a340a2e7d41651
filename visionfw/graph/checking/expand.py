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
from visionfw.graph.language.ir import Definition, Function, Graph, Link, Node
from visionfw.graph.language.parser import parse_block

Scopes = tuple[Mapping[str, Graph | Function], ...]
#: A tensor: the way to it through links, as (group, target, copy) steps; an input is (("input", its name, None),).
Place = tuple[tuple[str, Node, int | None], ...]
#: More calls than any network has: a repeat that large is a mistake.
_MOST_CALLS = 100_000


@dataclass(frozen=True)
class Call:
    """One application of one layer, or of one block that is a Python function.

    Attributes:
        name: the layer's name in the Keras model; calls with the same name use the same weights. '' where the block is not known.
        link: the link it comes from.
        sources: the tensors it reads.
        target: the tensor it makes.
        where: its address for messages.
        function: the Python function, where the link is a block of that kind.
        weights: whose weights it uses: its place, with a shared link's tag for the target.
    """

    name: str
    link: Link
    sources: tuple[Place, ...]
    target: Place
    where: str
    function: Callable | None = None
    weights: tuple = ()


@dataclass(frozen=True)
class Expanded:
    """A definition's calls in graph order, and the tensors that are its inputs and outputs by name."""

    calls: tuple[Call, ...]
    inputs: Mapping[str, Place]
    outputs: Mapping[str, Place]


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
    expander = _Expander(functions, registered)
    inputs: dict[str, Place] = {name: (("input", name, None),) for name, _ in definition.graph.inputs}
    tensors = {node: inputs[name] for name, node in definition.graph.inputs}
    tensors = expander.run(definition.graph, _Position((), (), definition.name), tensors, (definition.graph.blocks,), ())
    outputs = {name: tensors[node] for name, node in definition.graph.outputs if node in tensors}
    problems = list(dict.fromkeys(expander.problems + _sharing_problems(definition.name, expander.calls)))
    return Expanded(tuple(expander.calls), inputs, outputs), problems


@dataclass(frozen=True)
class _Position:
    """Where in the graph the expander stands: the place, whose weights are used there, and the address."""

    place: Place
    weights: tuple
    path: str

    def step(self, link: Link, copy: int, where: str) -> _Position:
        """Go into one copy of a link."""
        number = None if link.repeat is None else copy
        own = (link.group, "share", link.share) if link.share is not None else (link.group, link.target, number)
        return _Position((*self.place, (link.group, link.target, number)), (*self.weights, own), where)

    @property
    def name(self) -> str:
        """The name of the layer here."""
        return "-".join(_step_name(*step) for step in self.weights)


def _step_name(group: str, target: Node, copy: Any) -> str:
    if target == "share" and isinstance(copy, str):
        return f"{group}_{copy}"
    return f"{group}_{target}" + ("" if copy is None else f"-{copy}")


def place_name(place: Place) -> str:
    """Write a place as a name: 'block_body-3-conv_q'."""
    return "-".join(_step_name(*step) for step in place)


def find_block(name: str, scopes: Scopes) -> tuple[Graph | Function | None, Scopes]:
    """Look a block up among those defined here and around; return it and the scopes that its own links see."""
    for depth, scope in enumerate(scopes):
        if name in scope:
            block = scope[name]
            return block, (block.blocks, *scopes[depth:]) if isinstance(block, Graph) else scopes
    return None, scopes


class _Expander:
    def __init__(self, functions: Mapping[str, Callable], registered: Mapping[str, Callable]):
        self.functions = functions
        self.registered = registered
        self.calls: list[Call] = []
        self.problems: list[str] = []
        self.built: dict[tuple, Graph | None] = {}

    def run(self, graph: Graph, at: _Position, tensors: dict[Node, Place], scopes: Scopes, inside: tuple[int, ...]) -> dict[Node, Place]:
        """Write out one graph whose input nodes are bound in `tensors`; return the tensors of all its nodes."""
        for link in graph.links:
            where = f"{at.path}: {link.where}"
            block, inner = self._block(link, scopes, where) if link.group == "block" else (None, scopes)
            missing = link.group == "block" and (block is None or not self._fits(block, link, where, inside))
            if missing or not self._few(link, where):
                place = at.step(link, 0, where).place
                tensors[link.target] = place
                self.calls.append(Call("", link, (), place, where))
                continue
            current, others = tensors[link.sources[0]], [tensors[node] for node in link.sources[1:]]
            for copy in range(link.repeat or 1):
                here = at.step(link, copy, where)
                if isinstance(block, Graph):
                    bound = dict(zip((node for _, node in block.inputs), [current, *others], strict=True))
                    current = self.run(block, here, bound, inner, (*inside, id(block)))[block.outputs[0][1]]
                else:
                    function = block.call if isinstance(block, Function) else None
                    self.calls.append(Call(here.name, link, (current, *others), here.place, where, function, here.weights))
                    current = here.place
            tensors[link.target] = current
        return tensors

    def _few(self, link: Link, where: str) -> bool:
        if len(self.calls) + (link.repeat or 1) <= _MOST_CALLS:
            return True
        self.problems.append(f"{where}: the model would have more than {_MOST_CALLS:,} layers")
        return False

    def _block(self, link: Link, scopes: Scopes, where: str) -> tuple[Graph | Function | None, Scopes]:
        block, inner = find_block(link.layer, scopes)
        if isinstance(block, Function):
            return self._function(block, link, where), scopes
        if isinstance(block, Graph):
            self._unknown_parameters(link, where, ())
            return block, inner
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
        if not any(argument.kind is argument.VAR_KEYWORD for argument in inspect.signature(call).parameters.values()):
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
        return graph, (graph.blocks,) if graph else ()

    def _read_registered(self, link: Link, entry: Callable, where: str) -> Graph | None:
        try:
            dictionary = entry(**link.parameters)
        except Exception as error:
            self.problems.append(f"{where}: block '{link.layer}' failed: {brief(error)}")
            return None
        if not isinstance(dictionary, Mapping):
            self.problems.append(f"{where}: block '{link.layer}' returned {type(dictionary).__name__}, not a dictionary of links")
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
        made = {inner.target for inner in block.links} | {node for _, node in block.inputs}
        return bool(block.outputs) and block.outputs[0][1] in made  # else the schema has said why not


def link_name(link: Link, copy: int = 0) -> str:
    """Return the name of a link's layer, or of one copy of it, inside its own graph."""
    return _Position((), (), "").step(link, copy, "").name


def _count(number: int) -> str:
    return "1 source" if number == 1 else f"{number} sources"


def _sharing_problems(title: str, calls: Sequence[Call]) -> list[str]:
    """Find calls of one name that are not meant to share, or that share and are not the same layer."""
    problems = []
    first: dict[str, Call] = {}
    for call in calls:
        other = first.setdefault(call.name, call)
        if not call.name or other is call or other.target == call.target:  # two producers of one node are told already
            continue
        if other.weights != call.weights:
            problems.append(f"{call.where}: its layer would be called {call.name!r}, as that of {other.where}; give a node or a tag another name")
        elif (other.link.layer, other.link.parameters) != (call.link.layer, call.link.parameters) or other.function is not call.function:
            problems.append(f"{call.where}: shares weights with {other.where}, but is {layer_text(call.link)} and that is {layer_text(other.link)}")
    return problems + _sharing_blocks(title, calls)


def _sharing_blocks(title: str, calls: Sequence[Call]) -> list[str]:
    """Find links that share a tag and stand for different blocks: their layers differ in number or in kind."""
    uses: dict[tuple, dict[Place, list[tuple]]] = {}
    for call in calls:
        for depth, (group, *rest) in enumerate(call.weights[:-1], 1):
            if group == "block" and rest[0] == "share":
                inner = uses.setdefault(call.weights[:depth], {}).setdefault(call.target[:depth], [])
                inner.append((call.weights[depth:], call.link.layer))
    problems = []
    for shared, places in uses.items():
        if len({tuple(inner) for inner in places.values()}) > 1:
            problems.append(f"{title}: links that share {shared[-1][2]!r} stand for different blocks; give one of them another tag")
    return problems


def layer_text(link: Link) -> str:
    """Write a link's layer as one would call it: "Conv2D(filters=64, kernel_size=3)"."""
    said = ", ".join(f"{key}={value!r}" for key, value in link.parameters.items() if _is_short(value))
    return f"{link.layer}({said})"


def _is_short(value: Any) -> bool:
    return value is not None and len(repr(value)) <= 40
