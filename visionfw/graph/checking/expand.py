"""Expansion: a definition -> one flat list of layer calls with stable names, blocks, repeats and shared weights written out. No Keras here.

Check, build, cost and the table all read this list; the folded form is for people.

Names: a link's layer is `GROUP_TARGET`, inside blocks `GROUP_TARGET-GROUP_TARGET`, with the copy's number (from 0) after a repeated
link: `block_body-3-conv_q`. On a shared link the tag stands in the target's place. Names never depend on the dictionary's order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from visionfw.errors import brief, nearest, unknown
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.ir import Definition, FunctionBlock, Graph, Link, Node, Scopes, find_block
from visionfw.graph.language.parameters import bind, copies_of
from visionfw.graph.language.parse_values import ValueProblem
from visionfw.graph.language.parser import parse_block

#: A tensor: the path to it through links, as (group, target, copy) steps; an input is (("input", its name, None),).
TensorId = tuple[tuple[str, Node, int | None], ...]
#: Whose weights a call uses: its path, with a shared link's tag in place of the target.
WeightsId = tuple[tuple[str, Any, Any], ...]
#: More calls than any network has: a repeat that large is a mistake.
_MAX_CALLS = 100_000


@dataclass(frozen=True)
class LayerCall:
    """One application of one layer, or of one block that is a Python function.

    Attributes:
        name: the layer's name in the Keras model; calls with the same name use the same weights. '' where the block is not known.
        link: the link it comes from.
        sources: the tensors it reads.
        target: the tensor it produces.
        address: its address for messages.
        function: the Python function, where the link is a block of that kind.
        weights: whose weights it uses.
    """

    name: str
    link: Link
    sources: tuple[TensorId, ...]
    target: TensorId
    address: str
    function: Callable | None = None
    weights: WeightsId = ()


@dataclass(frozen=True)
class FlatGraph:
    """A definition's calls in graph order, and the tensors that are its inputs and outputs by name."""

    calls: tuple[LayerCall, ...]
    inputs: Mapping[str, TensorId]
    outputs: Mapping[str, TensorId]


def expand(definition: Definition, functions: Collection[str] = ()) -> tuple[FlatGraph, list[str]]:
    """Expand a definition.

    Args:
        definition: a definition without problems of its own.
        functions: names of the caller's functions that links could have named, for hints at misspelled ones.

    Returns:
        The flat graph and the problems found: unknown blocks, a block that contains itself, wrong numbers of sources, links that
        share weights and differ.
    """
    expander = _Expander(functions)
    inputs: dict[str, TensorId] = {name: (("input", name, None),) for name, _ in definition.graph.inputs}
    tensors = {node: inputs[name] for name, node in definition.graph.inputs}
    tensors = expander.expand(_Frame(definition.graph, _Path((), (), definition.name), (definition.graph.blocks,), ()), tensors)
    outputs = {name: tensors[node] for name, node in definition.graph.outputs if node in tensors}
    problems = list(dict.fromkeys(expander.problems + _sharing_problems(definition.name, expander.calls)))
    return FlatGraph(tuple(expander.calls), inputs, outputs), problems


@dataclass(frozen=True)
class _Path:
    """The way from the model to a link: tensor path, weights path, and the address for messages."""

    tensor: TensorId
    weights: WeightsId
    address: str

    def step(self, link: Link, copy: int | None, address: str) -> _Path:
        """Go into one copy of a link."""
        own = (link.group, "share", link.share) if link.share is not None else (link.group, link.target, copy)
        return _Path((*self.tensor, (link.group, link.target, copy)), (*self.weights, own), address)

    @property
    def name(self) -> str:
        """The name of the layer here."""
        return "-".join(_step_name(*step) for step in self.weights)


def _step_name(group: str, target: Node, copy: Any) -> str:
    if target == "share" and isinstance(copy, str):
        return f"{group}_{copy}"
    return f"{group}_{target}" + ("" if copy is None else f"-{copy}")


def tensor_name(tensor: TensorId) -> str:
    """Write a tensor's path as a name: 'block_body-3-conv_q'."""
    return "-".join(_step_name(*step) for step in tensor)


def link_name(link: Link) -> str:
    """Return the name of a link's layer inside its own graph; of its first copy, where it is repeated."""
    return _Path((), (), "").step(link, link.copies[0], "").name


@dataclass(frozen=True)
class _Frame:
    """A graph that is being expanded: where it stands, the blocks its links see, and the ids of the blocks around it."""

    graph: Graph
    path: _Path
    scopes: Scopes
    inside: tuple[int, ...]


@dataclass(frozen=True)
class _Use:
    """A block as a link uses it, with the link's values in place of its parameters; the scopes that its links see, and the id of its definition."""

    block: Graph | FunctionBlock | None
    scopes: Scopes
    definition: int = 0


@dataclass
class _Expander:
    """Writes out one definition, collecting calls and problems."""

    functions: Collection[str]
    calls: list[LayerCall] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    registered: dict[tuple[str, str], Graph | None] = field(default_factory=dict)
    bound: dict[tuple[int, str], Graph] = field(default_factory=dict)
    varied: dict[tuple[int, str], Link] = field(default_factory=dict)

    def expand(self, frame: _Frame, tensors: dict[Node, TensorId]) -> dict[Node, TensorId]:
        """Expand a graph whose input nodes are bound in `tensors`; return the tensors of all its nodes."""
        for link in frame.graph.links:
            address = f"{frame.path.address}: {link.address}"
            if self._has_room(link, address):
                tensors[link.target] = self._expand_link(link, frame, [tensors[node] for node in link.sources])
            else:
                tensors[link.target] = self._nothing(link, frame, address)
        return tensors

    def _nothing(self, link: Link, frame: _Frame, address: str) -> TensorId:
        """Enter a link that has a problem as a call of nothing; return its tensor."""
        tensor = frame.path.step(link, link.copies[0], address).tensor
        self.calls.append(LayerCall("", link, (), tensor, address))
        return tensor

    def _expand_link(self, link: Link, frame: _Frame, sources: list[TensorId]) -> TensorId:
        """Expand all copies of a link, one behind the other; return the tensor of the last."""
        address = f"{frame.path.address}: {link.address}"
        current, others = sources[0], sources[1:]
        use, last = _Use(None, frame.scopes), None
        for number, one in zip(link.copies, self._copies(link), strict=True):
            if link.group == "block" and one is not last:
                found = self._find(one, frame, address)
                if found is None:
                    return self._nothing(link, frame, address)
                use, last = found, one
            path = frame.path.step(link, number, address)
            if isinstance(use.block, Graph):
                nodes = dict(zip((node for _, node in use.block.inputs), [current, *others], strict=True))
                inner = _Frame(use.block, path, use.scopes, (*frame.inside, use.definition))
                current = self.expand(inner, nodes)[use.block.outputs[0][1]]
            else:
                function = use.block.call if use.block is not None else None
                self.calls.append(LayerCall(path.name, one, (current, *others), path.tensor, address, function, path.weights))
                current = path.tensor
        return current

    def _copies(self, link: Link) -> Iterator[Link]:
        """Yield the link of each copy; copies with equal parameters have one link, so that they are analyzed once."""
        for one in copies_of(link):
            key = id(link), repr(sorted(one.parameters.items()))
            yield one if one is link else self.varied.setdefault(key, one)

    def _has_room(self, link: Link, address: str) -> bool:
        if len(self.calls) + len(link.copies) <= _MAX_CALLS:
            return True
        self.problems.append(f"{address}: the model would have more than {_MAX_CALLS:,} layers")
        return False

    # --- blocks --------------------------------------------------------------------------------------------------------

    def _find(self, link: Link, frame: _Frame, address: str) -> _Use | None:
        """Return a link's block as the link uses it; None where it has a problem."""
        if not link.layer:  # the parser has reported it
            return None
        block, scopes = find_block(link.layer, frame.scopes)
        if isinstance(block, Graph):
            self._check_parameters(link, list(block.parameters), address)
        elif isinstance(block, FunctionBlock):
            block = self._checked_function(block, link, address)
        elif link.layer in BLOCKS:
            block, scopes = self._registered_block(link, address)
        else:
            self.problems.append(f"{address}: {self._unknown_block(link.layer, scopes)}")
        if not isinstance(block, Graph):
            return None if block is None else _Use(block, scopes)
        if not self._fits(block, link, address, frame.inside):
            return None
        bound = self._bind(block, link, address)
        return None if bound is None else _Use(bound, (bound.blocks, *scopes[1:]), id(block))

    def _bind(self, block: Graph, link: Link, address: str) -> Graph | None:
        """Return a block's graph with a link's values in place of its parameters, the same object for the same values."""
        key = id(block), repr(sorted(link.parameters.items()))
        try:
            if key not in self.bound:
                self.bound[key] = bind(block, link.parameters)
        except ValueProblem as problem:
            self.problems.append(f"{address}: block '{link.layer}': {problem}")
            return None
        return self.bound[key]

    def _unknown_block(self, name: str, scopes: Scopes) -> str:
        names = {known for scope in scopes for known in scope} | set(BLOCKS) | set(self.functions)
        if nearest(name, names):
            return unknown("block", name, names)
        return f"no block {name!r}; a block that is a Python function is passed as functions={{name: function}}"

    def _checked_function(self, block: FunctionBlock, link: Link, address: str) -> FunctionBlock | None:
        if block.call is None:
            self.problems.append(
                f"{address}: block '{block.name}' is a Python function, which JSON can't hold; pass it as functions={{'{block.name}': function}}, "
                "or build the model from the Python file that defines it"
            )
            return None
        parameters = inspect.signature(block.call).parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            self._check_parameters(link, list(parameters)[1:], address)
        return block

    def _registered_block(self, link: Link, address: str) -> tuple[Graph | FunctionBlock | None, Scopes]:
        function = BLOCKS.load(link.layer)
        parameters = inspect.signature(function).parameters
        positional = [p for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(parameter.default is parameter.empty for parameter in positional):
            return self._checked_function(FunctionBlock(link.layer, function), link, address), ()
        if not self._check_parameters(link, list(parameters), address):
            return None, ()
        key = (link.layer, repr(sorted(link.parameters.items())))
        if key not in self.registered:
            self.registered[key] = self._call_registered(link, function, address)
        graph = self.registered[key]
        return graph, (graph.blocks,) if graph else ()

    def _call_registered(self, link: Link, function: Callable, address: str) -> Graph | None:
        """Return the graph of a registered function that returns a block's dictionary."""
        try:
            dictionary = function(**link.parameters)
        except Exception as error:
            self.problems.append(f"{address}: block '{link.layer}' failed: {brief(error)}")
            return None
        if not isinstance(dictionary, Mapping):
            self.problems.append(f"{address}: block '{link.layer}' returned {type(dictionary).__name__}, not a dictionary of links")
            return None
        graph, problems = parse_block(link.layer, dictionary)
        self.problems += [f"{address}: {problem}" for problem in problems]
        return None if problems else graph

    def _check_parameters(self, link: Link, known: Sequence[str], address: str) -> bool:
        wrong = [key for key in link.parameters if key not in known]
        self.problems += [f"{address}: block '{link.layer}': {unknown('parameter', key, [*known, 'repeat', 'share'])}" for key in wrong]
        return not wrong

    def _fits(self, block: Graph, link: Link, address: str, inside: tuple[int, ...]) -> bool:
        if id(block) in inside:
            self.problems.append(f"{address}: block '{link.layer}' contains itself")
            return False
        if len(block.inputs) != len(link.sources):
            self.problems.append(f"{address}: block '{link.layer}' takes {_source_count(len(block.inputs))}, not {len(link.sources)}")
            return False
        produced = {inner.target for inner in block.links} | {node for _, node in block.inputs}
        return bool(block.outputs) and block.outputs[0][1] in produced  # else the parser has reported it


def _source_count(number: int) -> str:
    return "1 source" if number == 1 else f"{number} sources"


# --- shared weights ----------------------------------------------------------------------------------------------------


def _sharing_problems(title: str, calls: Sequence[LayerCall]) -> list[str]:
    """Return the calls of one name that are not meant to share weights, or that share them and are not the same layer."""
    problems = []
    first: dict[str, LayerCall] = {}
    for call in calls:
        other = first.setdefault(call.name, call)
        if not call.name or other is call or other.target == call.target:  # two producers of one node are reported already
            continue
        if other.weights != call.weights:
            problems.append(f"{call.address}: its layer would be called {call.name!r}, as that of {other.address}; give a node or a tag another name")
        elif (other.link.layer, other.link.parameters) != (call.link.layer, call.link.parameters) or other.function is not call.function:
            problems.append(f"{call.address}: shares weights with {other.address}, but is {layer_text(call.link)} and that is {layer_text(other.link)}")
    return problems + _shared_block_problems(title, calls)


def _shared_block_problems(title: str, calls: Sequence[LayerCall]) -> list[str]:
    """Return the tags of links that stand for different blocks: their layers differ in number or in kind."""
    uses: dict[WeightsId, dict[TensorId, list[tuple]]] = {}
    for call in calls:
        for depth, (group, *rest) in enumerate(call.weights[:-1], 1):
            if group == "block" and rest[0] == "share":
                inner = uses.setdefault(call.weights[:depth], {}).setdefault(call.target[:depth], [])
                inner.append((call.weights[depth:], call.link.layer))
    return [
        f"{title}: links that share {shared[-1][2]!r} stand for different blocks; give one of them another tag"
        for shared, layers in uses.items()
        if len({tuple(inner) for inner in layers.values()}) > 1
    ]


def layer_text(link: Link) -> str:
    """Write a link's layer as one would call it: "Conv2D(filters=64, kernel_size=3)"."""
    parameters = ", ".join(f"{key}={value!r}" for key, value in link.parameters.items() if value is not None and len(repr(value)) <= 40)
    return f"{link.layer}({parameters})"
