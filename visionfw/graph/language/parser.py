"""The parser: any spelling of a model dictionary -> one immutable canonical form. No Keras here.

A dictionary holds links between numbered or named nodes, in groups. `GROUP` is the list of links, each a tuple
`(source, ..., target)`; `GROUP_sub` names the layer of each link, `GROUP_par` gives its parameters; None or nothing means the
group's default. docs/model-dictionary.md describes the whole language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from visionfw.errors import ModelDefinitionError, unknown
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.defaults import COLORS, GROUP_KEYS, GROUPS, LINK_PARAMETERS, OLDER_GROUPS, OLDER_KEYS, PRE_UPSAMPLERS
from visionfw.graph.language.ir import Definition, FunctionBlock, Graph, Link, Node, Scopes, find_block, link_text, to_dictionary
from visionfw.graph.language.model_keys import (
    NamedNodes,
    parse_block_inputs,
    parse_choice,
    parse_model_inputs,
    parse_outputs,
    parse_scale,
    parse_shapes,
    parse_text,
)
from visionfw.graph.language.order import find_problems, sort_links, unconsumed
from visionfw.graph.language.parse_values import ValueProblem, describe_value, parse_count, parse_node, to_plain
from visionfw.layers.facts import facts_by_name

_BLOCK_KEYS = ("name", "paper", "inputs", "outputs", "blocks", "defaults", "links")
_MODEL_KEYS = (*_BLOCK_KEYS, "scale", "color", "pre_upsample", "shapes")

#: Python functions by the names that links use for them as blocks.
Functions = Mapping[str, Callable]
Blocks = dict[str, Graph | FunctionBlock]
#: Default parameters by group; "layer" among them is the group's default layer.
Defaults = Mapping[str, Mapping[str, Any]]


def canonicalize(dictionary: Mapping[str, Any] | Definition, functions: Functions | None = None) -> dict[str, Any]:
    """Return the one canonical form of a model dictionary: plain JSON, fully defaulted, links sorted in graph order.

    Args:
        dictionary: any spelling, the canonical form itself among them.
        functions: Python functions that its links may name as blocks.

    Returns:
        {"name": .., "inputs": {..}, "outputs": {..}, "links": [[group, [sources], target, layer, {parameters}], ...], ...}.

    Raises:
        ModelDefinitionError: the dictionary is not in the language; `.problems` lists every reason.

    Example:
        >>> canonicalize({"name": "one", "conv": [(0, 1)], "conv_par": [{"filters": 3}]})["links"]
        [['conv', [0], 1, 'Conv2D', {'filters': 3, 'kernel_size': 3, 'padding': 'same'}]]
    """
    definition, problems = parse(dictionary, functions)
    if problems or definition is None:
        raise ModelDefinitionError(problems)
    return to_dictionary(definition)


def parse(dictionary: Any, functions: Functions | None = None) -> tuple[Definition | None, list[str]]:
    """Parse any spelling of a dictionary.

    Args:
        dictionary: the dictionary; a definition is returned as it is, but for functions that it lacks.
        functions: Python functions that its links may name as blocks. Blocks that it defines and registered ones come first.

    Returns:
        The definition (None where nothing can be made of the dictionary) and the problems found, each with its address. With
        problems, the definition holds what could be read, so that later checks can go on.
    """
    if isinstance(dictionary, Definition):
        return replace(dictionary, graph=_with_functions(dictionary.graph, functions)) if functions else dictionary, []
    if not isinstance(dictionary, Mapping):
        return None, [f"a model is a dictionary, not {describe_value(dictionary)}"]
    name, problems = dictionary.get("name"), []
    title = name if isinstance(name, str) and name else "model"
    if title != name:
        problems.append(f"{title}: " + ("a model needs a 'name'" if name is None else f"'name' must be a non-empty string, not {name!r}"))
    try:
        return _parse_model(dictionary, functions or {}, _GraphReader(title, problems)), problems
    except RecursionError:
        return None, [f"{name}: blocks are nested too deeply, or a block's dictionary contains itself"]


def parse_block(name: str, dictionary: Mapping[str, Any]) -> tuple[Graph, list[str]]:
    """Parse a block's dictionary that stands outside a model: what a registered block returns."""
    problems: list[str] = []
    return _GraphReader(f"block '{name}'", problems, is_block=True).read(dictionary), problems


def _parse_model(dictionary: Mapping[str, Any], functions: Functions, reader: _GraphReader) -> Definition:
    graph = _with_functions(reader.read(dictionary), functions)
    dictionary, report = reader.spelled_currently(dictionary), reader.report
    definition = Definition(
        name=reader.path,
        graph=graph,
        paper=parse_text(dictionary, "paper", report),
        scale=parse_scale(dictionary.get("scale"), report),
        color=parse_choice(dictionary, "color", COLORS, report) or "rgb",
        pre_upsample=parse_choice(dictionary, "pre_upsample", PRE_UPSAMPLERS, report),
        shapes=parse_shapes(dictionary.get("shapes"), [name for name, _ in graph.inputs], report),
    )
    if definition.pre_upsample and len(graph.inputs) > 1 and "lr" not in dict(graph.inputs):
        report("pre_upsample upscales the input named 'lr', and none of the inputs is; name one 'lr'")
    return definition


def _with_functions(graph: Graph, functions: Functions) -> Graph:
    """Return a model's graph with the caller's functions that its links name among its blocks."""
    names = {name for name in _unknown_blocks(graph, (graph.blocks,)) if callable(functions.get(name)) and name not in BLOCKS}
    blocks = {name: FunctionBlock(name, functions[name]) for name in sorted(names)}
    return replace(graph, blocks={**_filled(graph, functions).blocks, **blocks})


def _filled(graph: Graph, functions: Functions) -> Graph:
    """Return a graph whose blocks that are only named functions are the caller's functions of these names."""

    def fill(block: Graph | FunctionBlock) -> Graph | FunctionBlock:
        if isinstance(block, Graph):
            return _filled(block, functions)
        return block if block.call is not None else FunctionBlock(block.name, functions.get(block.name))

    return replace(graph, blocks={name: fill(block) for name, block in graph.blocks.items()}) if graph.blocks else graph


def _unknown_blocks(graph: Graph, scopes: Scopes) -> Iterator[str]:
    """Yield the names of blocks that links use and no dictionary around them defines."""
    for link in graph.links:
        if link.group == "block" and find_block(link.layer, scopes)[0] is None:
            yield link.layer
    for block in graph.blocks.values():
        if isinstance(block, Graph):
            yield from _unknown_blocks(block, (block.blocks, *scopes))


@dataclass(frozen=True)
class _SpelledLink:
    """A link as the dictionary spells it.

    Attributes:
        group: its group.
        nodes: (source, ..., target).
        layer: the layer's name; None for the group's default.
        parameters: its parameters; None for the group's defaults.
        position: where it stands: "conv[2]".
    """

    group: str
    nodes: Any
    layer: Any
    parameters: Any
    position: str


class _GraphReader:
    """Reads one graph, a model's or a block's, and collects every problem with its address instead of stopping at the first.

    Args:
        path: the graph's address, with which its problems begin.
        problems: the list that problems are added to.
        is_block: the graph is a block's.
        defaults: those of the graph around it.
    """

    def __init__(self, path: str, problems: list[str], is_block: bool = False, defaults: Defaults | None = None):
        self.path = path
        self.problems = problems
        self.is_block = is_block
        self.defaults: Defaults = defaults or {}
        self.blocks: Blocks = {}

    def report(self, problem: str) -> None:
        """Add a problem of this graph."""
        self.problems.append(f"{self.path}: {problem}")

    def read(self, spelled: Mapping[str, Any]) -> Graph:
        """Return the graph of a dictionary."""
        dictionary = self.spelled_currently(spelled, self.report)
        self._check_keys(dictionary)
        self.defaults = self._read_defaults(dictionary.get("defaults"))
        self.blocks = self._read_blocks(dictionary.get("blocks"))
        links = [link for entry in self._spelled_links(dictionary) if (link := self._read_link(entry)) is not None]
        parse_inputs = parse_block_inputs if self.is_block else parse_model_inputs
        inputs = parse_inputs(dictionary.get("inputs"), self.report)
        outputs = parse_outputs(dictionary.get("outputs"), self.is_block, self.report)
        self._check_nodes(dictionary, links, inputs, outputs)
        if not outputs:
            outputs = tuple(("sr", node) for node in unconsumed(links)[:1])
        return Graph(sort_links(links, [node for _, node in inputs]), inputs, outputs, self.blocks)

    @staticmethod
    def spelled_currently(dictionary: Mapping[str, Any], report: Callable[[str], None] = lambda problem: None) -> dict[str, Any]:
        """Return a dictionary with today's keys in place of older ones, and lists in place of arrays."""
        current = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in dictionary.items()}
        for older, key in OLDER_KEYS.items():
            if older in current and key in current:
                report(f"'{older}' is the older spelling of '{key}', and both are given; keep one")
                del current[older]
            elif older in current:
                current[key] = current.pop(older)
        return current

    def _check_keys(self, dictionary: Mapping[str, Any]) -> None:
        keys = _BLOCK_KEYS if self.is_block else _MODEL_KEYS
        known = [*keys, *(f"{group}{part}" for group in GROUPS for part in GROUP_KEYS), *OLDER_KEYS]
        for key in dictionary:
            if key not in known:
                is_models = self.is_block and key in _MODEL_KEYS
                self.report(f"'{key}' belongs to the model, not to a block" if is_models else unknown("key", key, known, most=len(_MODEL_KEYS)))

    def _check_nodes(self, dictionary: Mapping[str, Any], links: list[Link], inputs: NamedNodes, outputs: NamedNodes) -> None:
        if not any(dictionary.get(key) for key in (*GROUPS, "links")):
            self.report("there are no links")
        elif links:
            for problem in find_problems(links, [node for _, node in inputs], [node for _, node in outputs]):
                self.report(problem)

    # --- defaults and blocks ---------------------------------------------------------------------------------------

    def _read_defaults(self, value: Any) -> Defaults:
        defaults = {group: dict(parameters) for group, parameters in self.defaults.items()}
        if value is None:
            return defaults
        if not isinstance(value, Mapping):
            self.report(f"'defaults' must be {{group: {{parameter: value}}}}, not {describe_value(value)}")
            return defaults
        for name, parameters in value.items():
            group = OLDER_GROUPS.get(name, name)
            if group not in GROUPS:
                self.report(f"defaults: {unknown('group', name, GROUPS)}")
            elif group == "block":
                self.report(f"defaults: '{name}' takes no defaults")
            elif not isinstance(parameters, Mapping):
                self.report(f"defaults: '{name}' must be a dictionary, not {describe_value(parameters)}")
            else:
                defaults[group] = defaults.get(group, {}) | self._read_parameters(parameters, f"defaults: {name}")
        return defaults

    def _read_blocks(self, value: Any) -> Blocks:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.report(f"'blocks' must be {{name: dictionary or function}}, not {describe_value(value)}")
            return {}
        blocks: Blocks = {}
        for name, block in value.items():
            if not isinstance(name, str) or not name:
                self.report(f"a block's name must be a non-empty string, not {name!r}")
            elif isinstance(block, Mapping) and set(block) == {"function"}:
                blocks[name] = FunctionBlock(str(block["function"]))
            elif isinstance(block, Mapping):
                inner = _GraphReader(f"{self.path}: blocks['{name}']", self.problems, True, self.defaults)
                blocks[name] = inner.read(block)
            elif callable(block):
                blocks[name] = FunctionBlock(name, block)
            else:
                self.report(f"blocks['{name}'] must be a dictionary or a Python function, not {describe_value(block)}")
        return blocks

    # --- links -----------------------------------------------------------------------------------------------------

    def _spelled_links(self, dictionary: Mapping[str, Any]) -> Iterator[_SpelledLink]:
        for group in GROUPS:
            yield from self._links_of_group(group, dictionary)
        yield from self._canonical_links(dictionary.get("links"))

    def _links_of_group(self, group: str, dictionary: Mapping[str, Any]) -> Iterator[_SpelledLink]:
        links = dictionary.get(group)
        if links is None:
            for part in GROUP_KEYS[1:]:
                if dictionary.get(group + part):
                    self.report(f"'{group}{part}' is given without '{group}'")
            return
        if not isinstance(links, list | tuple):
            self.report(f"'{group}' must be a list of links (source, ..., target), not {describe_value(links)}")
            return
        layers = self._one_or_each(f"{group}_sub", dictionary.get(f"{group}_sub"), len(links), (str,))
        parameters = self._one_or_each(f"{group}_par", dictionary.get(f"{group}_par"), len(links), (Mapping,))
        for index, (nodes, layer, values) in enumerate(zip(links, layers, parameters, strict=True)):
            yield _SpelledLink(group, nodes.tolist() if hasattr(nodes, "tolist") else nodes, layer, values, f"{group}[{index}]")

    def _one_or_each(self, key: str, value: Any, count: int, single: tuple[type, ...]) -> list[Any]:
        """Return one value for each of `count` links: the same for all, or a list's."""
        if value is None:
            return [None] * count
        if isinstance(value, single) or callable(value):
            return [value] * count
        if not isinstance(value, list | tuple):
            self.report(f"'{key}' must be one value for all links or a list of one each, not {describe_value(value)}")
            return [None] * count
        if len(value) != count:
            self.report(f"'{key}' has {len(value)} entries for {count} links")
            return [*value, *[None] * count][:count]
        return list(value)

    def _canonical_links(self, value: Any) -> Iterator[_SpelledLink]:
        if value is None:
            return
        if not isinstance(value, list | tuple):
            self.report(f"'links' must be a list, not {describe_value(value)}")
            return
        counts = dict.fromkeys(GROUPS, 0)
        for index, entry in enumerate(value):
            if not isinstance(entry, list | tuple) or len(entry) != 5 or not isinstance(entry[1], list | tuple):
                self.report(f"links[{index}]: an entry is [group, [sources], target, layer, {{parameters}}], not {describe_value(entry)}")
            elif entry[0] not in GROUPS:
                self.report(f"links[{index}]: {unknown('group', entry[0], GROUPS)}")
            else:
                group, sources, target, layer, parameters = entry
                yield _SpelledLink(group, (*sources, target), layer, parameters, f"{group}[{counts[group]}]")
                counts[group] += 1

    def _read_link(self, spelled: _SpelledLink) -> Link | None:
        nodes = self._read_nodes(spelled)
        if nodes is None:
            return None
        sources, target = tuple(nodes[:-1]), nodes[-1]
        address = f"{spelled.position} ({link_text(sources, target)})"
        layer = self._layer_name(spelled, address)
        if layer is None:
            return None
        parameters = self._link_parameters(spelled, layer, address)
        repeat, share = self._read_copies(parameters, address)
        return Link(spelled.group, sources, target, layer, parameters, repeat, share, address)

    def _read_nodes(self, spelled: _SpelledLink) -> list[Node] | None:
        if not isinstance(spelled.nodes, list | tuple) or len(spelled.nodes) < 2:
            self.report(f"{spelled.position}: a link is (source, ..., target), not {describe_value(spelled.nodes)}")
            return None
        nodes = []
        for node in spelled.nodes:
            try:
                nodes.append(parse_node(node))
            except ValueProblem as problem:
                self.report(f"{spelled.position}: {problem}")
        return nodes if len(nodes) == len(spelled.nodes) else None

    def _layer_name(self, spelled: _SpelledLink, address: str) -> str | None:
        group, layer = spelled.group, spelled.layer
        if layer is None:
            layer = self.defaults.get(group, {}).get("layer") or GROUPS[group][0]
            if layer is None:
                self.report(f"{address}: which {group}? name it in '{group}_sub'")
            return layer
        if group == "block" and callable(layer) and not isinstance(layer, type) and hasattr(layer, "__name__"):
            return self._enter_function(layer, address)
        if isinstance(layer, str) and layer:
            return layer
        hint = f"; write its name, {layer.__name__!r}" if hasattr(layer, "__name__") else ""
        kind = "block" if group == "block" else "layer"
        self.report(f"{address}: '{group}_sub' names a {kind} by a string, not {describe_value(layer)}{hint}")
        return None

    def _enter_function(self, function: Callable, address: str) -> str:
        """Enter a function that stands in a link among the blocks; return its name."""
        block = FunctionBlock(function.__name__, function)
        if self.blocks.setdefault(block.name, block) != block:
            self.report(f"{address}: two blocks are called {block.name!r}")
        return block.name

    def _link_parameters(self, spelled: _SpelledLink, layer: str, address: str) -> dict[str, Any]:
        """Return a link's parameters over its group's defaults, of which a layer is given those that it takes."""
        group, own = spelled.group, spelled.parameters
        if own is not None and not isinstance(own, Mapping):
            self.report(f"{address}: parameters must be a dictionary or None, not {describe_value(own)}")
            own = None
        inherited = GROUPS[group][1] | {key: value for key, value in self.defaults.get(group, {}).items() if key != "layer"}
        taken = frozenset() if group == "activation" and layer.islower() else facts_by_name(layer).takes  # an activation function takes nothing
        if taken is not None:
            inherited = {key: value for key, value in inherited.items() if key in {*taken, *LINK_PARAMETERS, "dtype", "trainable"}}
        return inherited | self._read_parameters(own or {}, address)

    def _read_parameters(self, parameters: Mapping, address: str) -> dict[str, Any]:
        values = {}
        for key, value in parameters.items():
            if not isinstance(key, str):
                self.report(f"{address}: a parameter's name must be a string, not {describe_value(key)}")
                continue
            try:
                values[key] = to_plain(value)
            except ValueProblem as problem:
                self.report(f"{address}: parameter '{key}' {problem}")
        return values

    def _read_copies(self, parameters: dict[str, Any], address: str) -> tuple[int | None, str | None]:
        """Take `repeat` and `share` out of a link's parameters."""
        repeat, share = parameters.pop("repeat", None), parameters.pop("share", None)
        try:
            repeat = None if repeat is None else parse_count(repeat, "repeat")
        except ValueProblem as problem:
            self.report(f"{address}: {problem}")
            return None, None
        try:
            return repeat, None if share is None else str(parse_node(share))
        except ValueProblem as problem:
            self.report(f"{address}: share: {problem}")
            return None, None
