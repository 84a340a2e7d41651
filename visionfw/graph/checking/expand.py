"""Expansion: a definition -> one flat list of layer calls with stable names, blocks, repeats and shared weights written out. No Keras here.

Check, build, cost and the table all read this list; the folded form is for people.

Names: a link's layer is `GROUP_TARGET`, inside blocks `GROUP_TARGET-GROUP_TARGET`, with the copy's number (from 0) after a repeated
link: `block_body-3-conv_q`. On a shared link the tag stands in the target's place. Names never depend on the dictionary's order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """A definition's calls in graph order.

    Attributes:
        calls: the calls.
        inputs, outputs: the tensors that are the model's inputs and outputs, by name.
        registered_blocks: names of the registered blocks that links use.
        results: the tensors that each copy of each link produces, by its path; those of a block are produced inside it.
    """

    calls: tuple[LayerCall, ...]
    inputs: Mapping[str, TensorId]
    outputs: Mapping[str, TensorId]
    results: Mapping[TensorId, tuple[TensorId, ...]] = field(default_factory=dict)
    registered_blocks: frozenset[str] = frozenset()

    def needed(self) -> FlatGraph:
        """Return the graph without the calls that no output needs: those behind outputs of blocks that no link uses."""
        tensors = set(self.outputs.values())
        calls = []
        for call in reversed(self.calls):
            if call.target in tensors:
                tensors.update(call.sources)
                calls.append(call)
        return self if len(calls) == len(self.calls) else replace(self, calls=tuple(reversed(calls)))


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
    return FlatGraph(tuple(expander.calls), inputs, outputs, expander.results, frozenset(expander.used_blocks)), problems


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


def link_name(link: Link, copy: int | None = None) -> str:
    """Return the name of a link's layer inside its own graph: of one of its copies, of the first unless given."""
    return _Path((), (), "").step(link, link.copies[0] if copy is None else copy, "").name


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
    results: dict[TensorId, tuple[TensorId, ...]] = field(default_factory=dict)
    used_blocks: set[str] = field(default_factory=set)

    def expand(self, frame: _Frame, tensors: dict[Node, TensorId]) -> dict[Node, TensorId]:
        """Expand a graph whose input nodes are bound in `tensors`; return the tensors of all its nodes."""
        for link in frame.graph.links:
            address = f"{frame.path.address}: {link.address}"
            sources = [tensors[node] for node in link.sources]
            made = self._expand_link(link, frame, sources) if self._has_room(link, address) else self._nothing(link, frame, address)
            tensors |= {node: tensor for node, tensor in zip(link.targets, made, strict=True) if node is not None}
        return tensors

    def _nothing(self, link: Link, frame: _Frame, address: str) -> tuple[TensorId, ...]:
        """Enter a link that has a problem as a call of nothing; return tensors for its targets."""
        tensor = frame.path.step(link, link.copies[0], address).tensor
        self.calls.append(LayerCall("", link, (), tensor, address))
        return tensor, *((*tensor, ("output", number, None)) for number in range(1, len(link.targets)))

    def _expand_link(self, link: Link, frame: _Frame, sources: list[TensorId]) -> tuple[TensorId, ...]:
        """Expand all copies of a link, one behind the other; return the tensors of the last.

        The outputs of a copy are the first sources of the next one; the other sources go to each.
        """
        address = f"{frame.path.address}: {link.address}"
        use, last, made = _Use(None, frame.scopes), None, tuple(sources[:1])
        for number, one in zip(link.copies, self._copies(link), strict=True):
            if one is not last:
                found = self._find(one, frame, address) if link.group == "block" else use
                if found is None or not self._has_outputs(link, found.block, address):
                    return self._nothing(link, frame, address)
                use, last = found, one
            made = self._expand_copy(one, use, frame, frame.path.step(link, number, address), sources)
            sources = [*made, *sources[len(made) :]]
        return made

    def _expand_copy(self, link: Link, use: _Use, frame: _Frame, path: _Path, sources: list[TensorId]) -> tuple[TensorId, ...]:
        """Expand one copy of a link, which stands at a path; return its tensors."""
        if isinstance(use.block, Graph):
            nodes = dict(zip((node for _, node in use.block.inputs), sources, strict=True))
            tensors = self.expand(_Frame(use.block, path, use.scopes, (*frame.inside, use.definition)), nodes)
            made = tuple(tensors[node] for _, node in use.block.outputs)
        else:
            function = use.block.call if use.block is not None else None
            self.calls.append(LayerCall(path.name, link, tuple(sources), path.tensor, path.address, function, path.weights))
            made = (path.tensor,)
        self.results[path.tensor] = made
        return made

    def _has_outputs(self, link: Link, block: Graph | FunctionBlock | None, address: str) -> bool:
        """Check that a link has a target for each output of its layer or block, and that its copies can stand in series."""
        count = len(block.outputs) if isinstance(block, Graph) else 1
        name = f"block '{link.layer}'" if block is not None else link.layer
        if count != len(link.targets):
            self.problems.append(f"{address}: {name} has {_counted(count, 'output')}, but the link has {_counted(len(link.targets), 'target')}")
        elif len(link.copies) > 1 and count > len(link.sources):
            outputs, sources = _counted(count, "output"), _counted(len(link.sources), "source")
            self.problems.append(f"{address}: {name} has {outputs}, but takes {sources}, so its copies cannot stand in series")
        else:
            return True
        return False

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
        self.used_blocks.add(link.layer)
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
            self.problems.append(f"{address}: block '{link.layer}' takes {_counted(len(block.inputs), 'source')}, not {len(link.sources)}")
            return False
        produced = {node for inner in block.links for node in inner.produced} | {node for _, node in block.inputs}
        return bool(block.outputs) and {node for _, node in block.outputs} <= produced  # else the parser has reported it


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


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
