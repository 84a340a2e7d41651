"""The reader of one graph, a model's or a block's: its links in any spelling -> links of the canonical form. No Keras here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from visionfw.errors import unknown
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.defaults import GROUP_KEYS, GROUPS, LINK_PARAMETERS, OLDER_GROUPS, OLDER_KEYS
from visionfw.graph.language.ir import FunctionBlock, Graph, Link, Node, link_text
from visionfw.graph.language.model_keys import NamedNodes, parse_block_inputs, parse_model_inputs, parse_outputs
from visionfw.graph.language.order import find_problems, sort_links, unconsumed
from visionfw.graph.language.parameters import PARAMETER_NAME, references
from visionfw.graph.language.parse_values import ValueProblem, describe_value, parse_node, parse_repeat, parse_targets, to_plain
from visionfw.graph.language.spellings import SpelledLink, spelled_links
from visionfw.layers.facts import all_layer_names, facts_by_name, layer_group
from visionfw.layers.other_names import is_named_here, unknown_layer

_COMMON_KEYS = ("name", "paper", "inputs", "outputs", "blocks", "defaults", "links")
BLOCK_KEYS = (*_COMMON_KEYS, "parameters")
MODEL_KEYS = (*_COMMON_KEYS, "scale", "color", "pre_upsample", "multiple", "edge", "shapes", "origin")

P = TypeVar("P")
Blocks = dict[str, Graph | FunctionBlock]
#: The parameters of each copy of a repeated link that differ.
Copies = tuple[Mapping[str, Any], ...]
#: Default parameters by group; "layer" among them is the group's default layer.
Defaults = Mapping[str, Mapping[str, Any]]


class GraphReader:
    """Reads one graph, a model's or a block's, and collects every problem with its address instead of stopping at the first.

    Args:
        path: the graph's address, with which its problems begin.
        problems: the list that problems are added to.
        is_block: the graph is a block's.
        defaults: those of the graph around it.
        block_names: names of blocks that are defined around it, and of functions that its links may name as blocks.
        used: by the names of the parameters of the blocks around it, whether something refers to them.
    """

    def __init__(
        self,
        path: str,
        problems: list[str],
        is_block: bool = False,
        defaults: Defaults | None = None,
        block_names: Collection[str] = (),
        used: Mapping[str, list[bool]] | None = None,
    ):
        self.path = path
        self.problems = problems
        self.is_block = is_block
        self.defaults: Defaults = defaults or {}
        self.block_names = frozenset(block_names)
        self.blocks: Blocks = {}
        self.used = dict(used or {})

    def report(self, problem: str) -> None:
        """Add a problem of this graph."""
        self.problems.append(f"{self.path}: {problem}")

    def read(self, spelled: Mapping[str, Any]) -> Graph:
        """Return the graph of a dictionary."""
        dictionary = self.spelled_currently(spelled, self.report)
        self._check_keys(dictionary)
        parameters = self._read_block_parameters(dictionary.get("parameters")) if self.is_block else {}
        self.defaults = self._read_defaults(dictionary.get("defaults"))
        spelled_here = list(spelled_links(dictionary, self.report))
        self.block_names |= _names_defined(dictionary.get("blocks"), spelled_here)
        self.blocks = self._read_blocks(dictionary.get("blocks"))
        links = [link for entry in spelled_here if (link := self._read_link(entry)) is not None]
        parse_inputs = parse_block_inputs if self.is_block else parse_model_inputs
        inputs = parse_inputs(dictionary.get("inputs"), self.report)
        outputs = parse_outputs(dictionary.get("outputs"), self.is_block, self.report)
        self._check_nodes(dictionary, links, inputs, outputs)
        if not outputs:
            outputs = tuple(("sr", node) for node in unconsumed(links)[:1])
        for name in parameters:
            if not self.used[name][0]:
                self.report(f"parameters: nothing refers to '{name}'; a value '${name}' does")
        return Graph(sort_links(links, [node for _, node in inputs]), inputs, outputs, self.blocks, parameters)

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
        keys = BLOCK_KEYS if self.is_block else MODEL_KEYS
        known = [*keys, *(f"{group}{part}" for group in GROUPS for part in GROUP_KEYS), *OLDER_KEYS]
        for key in dictionary:
            if key not in known:
                owner, other = ("the model", "a block") if self.is_block else ("a block", "the model")
                is_others = key in (MODEL_KEYS if self.is_block else BLOCK_KEYS)
                self.report(f"'{key}' belongs to {owner}, not to {other}" if is_others else unknown("key", key, known, most=len(MODEL_KEYS)))

    def _check_nodes(self, dictionary: Mapping[str, Any], links: list[Link], inputs: NamedNodes, outputs: NamedNodes) -> None:
        if not any(dictionary.get(key) for key in (*GROUPS, "links")):
            self.report("there are no links")
        elif links:
            for problem in find_problems(links, [node for _, node in inputs], [node for _, node in outputs]):
                self.report(problem)

    # --- parameters, defaults and blocks ---------------------------------------------------------------------------------------

    def _read_block_parameters(self, value: Any) -> dict[str, Any]:
        """Return a block's parameters with their defaults, which may refer to those of the blocks around it."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.report(f"'parameters' must be {{name: default}}, not {describe_value(value)}")
            return {}
        wrong = [name for name in value if not isinstance(name, str) or not PARAMETER_NAME.fullmatch(name) or name in LINK_PARAMETERS]
        for name in wrong:
            self.report(f"parameters: the name of a parameter is a word other than {' and '.join(LINK_PARAMETERS)}, not {name!r}")
        parameters = self._read_parameters({name: default for name, default in value.items() if name not in wrong}, "parameters")
        self.used |= {name: [False] for name in parameters}
        return parameters

    def _check_references(self, value: Any, address: str) -> None:
        """Report references to parameters that no block around has."""
        for name in references(value):
            if name in self.used:
                self.used[name][0] = True
            elif self.used:
                self.report(f"{address}: {unknown('parameter', name, self.used)}")
            else:
                self.report(f"{address}: '${name}' refers to a parameter, and a block has them by its key 'parameters'")

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
                inner = GraphReader(f"{self.path}: blocks['{name}']", self.problems, True, self.defaults, self.block_names, self.used)
                blocks[name] = inner.read(block)
            elif callable(block):
                blocks[name] = FunctionBlock(name, block)
            else:
                self.report(f"blocks['{name}'] must be a dictionary or a Python function, not {describe_value(block)}")
        return blocks

    # --- links -----------------------------------------------------------------------------------------------------

    def _read_link(self, spelled: SpelledLink) -> Link | None:
        nodes = self._read_nodes(spelled)
        if nodes is None:
            return None
        sources, targets = nodes
        address = f"{spelled.position} ({link_text(sources, targets)})"
        if spelled.group is None:
            group, layer = self._row_layer(spelled.layer, address)
        else:
            group, layer = spelled.group, self._layer_name(spelled.group, spelled.layer, address) or ""
            if not layer:
                return None
        parameters = self._link_parameters(group, layer, spelled.parameters, address)
        repeat, varied, share = self._read_copies(parameters, address)
        return Link(group, sources, targets, layer, parameters, repeat, share, address, varied)

    def _read_nodes(self, spelled: SpelledLink) -> tuple[tuple[Node, ...], tuple[Node | None, ...]] | None:
        """Return a link's sources and targets."""
        if not isinstance(spelled.nodes, list | tuple) or len(spelled.nodes) < 2:
            self.report(f"{spelled.position}: a link is (source, ..., target), not {describe_value(spelled.nodes)}")
            return None
        sources = [self._parsed(parse_node, node, spelled.position) for node in spelled.nodes[:-1]]
        targets = self._parsed(parse_targets, spelled.nodes[-1], spelled.position)
        known = tuple(node for node in sources if node is not None)
        return None if targets is None or len(known) < len(sources) else (known, targets)

    def _parsed(self, parse: Callable[[Any], P], value: Any, position: str) -> P | None:
        """Return a value parsed, or None where it cannot be, which is reported."""
        try:
            return parse(value)
        except ValueProblem as problem:
            self.report(f"{position}: {problem}")
            return None

    def _layer_name(self, group: str, layer: Any, address: str) -> str | None:
        """Return the name of the layer or block of a link whose group the dictionary gives."""
        if layer is None:
            layer = self.defaults.get(group, {}).get("layer") or GROUPS[group][0]
            if layer is None:
                self.report(f"{address}: which {group}? name it in '{group}_sub'")
            return layer
        if group == "block" and _is_function(layer):
            return self._enter_function(layer, address)
        if isinstance(layer, str) and layer:
            return layer
        hint = f"; write its name, {layer.__name__!r}" if hasattr(layer, "__name__") else ""
        kind = "block" if group == "block" else "layer"
        self.report(f"{address}: '{group}_sub' names a {kind} by a string, not {describe_value(layer)}{hint}")
        return None

    def _row_layer(self, layer: Any, address: str) -> tuple[str, str]:
        """Return the group that follows from the layer or block of a row, and its name; ("block", "") where that names none."""
        if _is_function(layer):
            return "block", self._enter_function(layer, address)
        if not isinstance(layer, str):
            hint = f"; write its name, {layer.__name__!r}" if hasattr(layer, "__name__") else ""
            self.report(f"{address}: a row names a layer or block by a string, not {describe_value(layer)}{hint}")
            return "block", ""
        group = layer_group(layer)
        is_block = layer in self.block_names or layer in BLOCKS
        if group and is_block:
            self.report(f"{address}: {layer!r} is a layer and a block; rename the block, or write [group, [sources], target, layer, {{parameters}}]")
        elif layer and not group and not is_block:
            self.report(f"{address}: {self._unknown_layer(layer)}")
        return ("block", layer if is_block else "") if is_block or not group else (group, layer)

    def _unknown_layer(self, name: str) -> str:
        names = {*all_layer_names(), *self.block_names, *BLOCKS}
        if is_named_here(name, names):
            return unknown_layer("layer or block", name, names)
        return f"no layer or block {name!r}; a block that is a Python function is passed as functions={{name: function}}"

    def _enter_function(self, function: Callable, address: str) -> str:
        """Enter a function that stands in a link among the blocks; return its name."""
        block = FunctionBlock(function.__name__, function)
        if self.blocks.setdefault(block.name, block) != block:
            self.report(f"{address}: two blocks are called {block.name!r}")
        return block.name

    def _link_parameters(self, group: str, layer: str, own: Any, address: str) -> dict[str, Any]:
        """Return a link's parameters over its group's defaults, of which a layer is given those that it takes."""
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
            else:
                self._check_references(values[key], address)
        return values

    def _read_copies(self, parameters: dict[str, Any], address: str) -> tuple[int | str | None, Copies | None, str | None]:
        """Take `repeat` and `share` out of a link's parameters; return the number of copies, the parameters of each, and the tag."""
        repeat, share = parameters.pop("repeat", None), parameters.pop("share", None)
        try:
            repeat, varied = parse_repeat(repeat)
        except ValueProblem as problem:
            self.report(f"{address}: {problem}")
            return None, None, None
        try:
            return repeat, varied, None if share is None else str(parse_node(share))
        except ValueProblem as problem:
            self.report(f"{address}: share: {problem}")
            return None, None, None


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type) and hasattr(value, "__name__")


def _names_defined(blocks: Any, links: Collection[SpelledLink]) -> set[str]:
    """Return the names of the blocks that a dictionary defines: in `blocks`, and as functions that stand in its links."""
    defined = {name for name in blocks if isinstance(name, str)} if isinstance(blocks, Mapping) else set()
    return defined | {link.layer.__name__ for link in links if _is_function(link.layer)}
