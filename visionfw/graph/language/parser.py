"""The language: any spelling of a model dictionary -> one immutable normal form. No Keras here.

A dictionary holds links between numbered or named nodes, in groups. `GROUP` is the list of links, each a tuple
`(source, ..., target)`; `GROUP_sub` names the layer of each link, `GROUP_par` gives its parameters; None or nothing means the
group's default. docs/model-dictionary.md tells the whole of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visionfw.errors import ModelDefinitionError, unknown
from visionfw.graph.language.defaults import COLORS, GROUPS, LINK_PARAMETERS, OLDER_KEYS, OLDER_SPELLING, PRE_UPSAMPLERS, TAKES
from visionfw.graph.language.ir import Definition, Function, Graph, Link, Node, as_json, link_text
from visionfw.graph.language.model_keys import read_block_inputs, read_choice, read_model_inputs, read_outputs, read_scale, read_shapes, read_text
from visionfw.graph.language.order import find_problems, sort_links, unconsumed
from visionfw.graph.language.parse_values import ValueProblem, kind_of, plain, read_count, read_node

_BLOCK_KEYS = ("name", "paper", "inputs", "outputs", "blocks", "defaults", "links")
_MODEL_KEYS = (*_BLOCK_KEYS, "scale", "color", "pre_upsample", "shapes")


def canonicalize(dictionary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one normal form of a model dictionary: plain JSON, fully defaulted, links sorted in graph order.

    Args:
        dictionary: any spelling, the normal form itself among them.

    Returns:
        {"name": .., "inputs": {..}, "outputs": {..}, "links": [[group, [sources], target, layer, {parameters}], ...], ...}.

    Raises:
        ModelDefinitionError: the dictionary is not in the language; `.problems` lists every reason.

    Example:
        >>> canonicalize({"name": "one", "conv": [(0, 1)], "conv_par": [{"filters": 3}]})["links"]
        [['conv', [0], 1, 'Conv2D', {'filters': 3, 'kernel_size': 3, 'padding': 'same'}]]
    """
    definition, problems = parse(dictionary)
    if problems:
        raise ModelDefinitionError(problems)
    return as_json(definition)


def parse(dictionary: Any) -> tuple[Definition | None, list[str]]:
    """Read any spelling of a dictionary.

    Returns:
        The definition (None where nothing can be made of the dictionary) and the problems found, each with its address. With
        problems the definition holds what could be read, so that later checks can go on.
    """
    if isinstance(dictionary, Definition):
        return dictionary, []
    if not isinstance(dictionary, Mapping):
        return None, [f"a model is a dictionary, not {kind_of(dictionary)}"]
    name = dictionary.get("name")
    older = [key for key in OLDER_KEYS if key in dictionary and OLDER_KEYS[key] not in dictionary]
    dictionary = {OLDER_KEYS[key] if key in older else key: value for key, value in dictionary.items()}
    try:
        return _read(dictionary, name)
    except RecursionError:
        return None, [f"{name}: blocks are nested too deeply, or a block's dictionary contains itself"]


def _read(dictionary: Mapping[str, Any], name: Any) -> tuple[Definition, list[str]]:
    reader = _Reader(name if isinstance(name, str) and name else "model")
    if not isinstance(name, str) or not name:
        reader.report("a model needs a 'name'" if name is None else f"'name' must be a non-empty string, not {name!r}")
    graph = reader.graph(dictionary, _MODEL_KEYS, {}, is_block=False)
    definition = Definition(
        name=reader.title,
        graph=graph,
        paper=read_text(dictionary, "paper", reader.report),
        scale=read_scale(dictionary.get("scale"), reader.report),
        color=read_choice(dictionary, "color", COLORS, reader.report) or "rgb",
        pre_upsample=read_choice(dictionary, "pre_upsample", PRE_UPSAMPLERS, reader.report),
        shapes=read_shapes(dictionary.get("shapes"), [name for name, _ in graph.inputs], reader.report),
    )
    if definition.pre_upsample and len(graph.inputs) > 1 and "lr" not in dict(graph.inputs):
        reader.report("pre_upsample enlarges the input named 'lr', and none of the inputs is; name one 'lr'")
    return definition, reader.problems


def parse_block(name: str, dictionary: Mapping[str, Any]) -> tuple[Graph, list[str]]:
    """Read a block's dictionary that stands outside a model: what a registered block returns."""
    reader = _Reader(f"block '{name}'")
    return reader.graph(dictionary, _BLOCK_KEYS, {}, is_block=True), reader.problems


class _Reader:
    """Reads one dictionary, collecting every problem with its address instead of stopping at the first."""

    def __init__(self, title: str):
        self.title = title
        self.path = title
        self.problems: list[str] = []

    def report(self, problem: str) -> None:
        self.problems.append(f"{self.path}: {problem}")

    # --- a graph: the whole model or one block -------------------------------------------------------------------

    def graph(self, spelled: Mapping[str, Any], keys: tuple[str, ...], outer_defaults: dict[str, dict], is_block: bool) -> Graph:
        self._check_keys(spelled, keys, is_block)
        spelled = self._present_spelling(spelled)
        defaults = self._defaults(spelled.get("defaults"), outer_defaults)
        blocks = self._blocks(spelled.get("blocks"), defaults)
        links = [link for group in GROUPS for link in self._group(group, spelled, defaults, blocks)]
        links += self._normal_links(spelled.get("links"), defaults)
        read_inputs = read_block_inputs if is_block else read_model_inputs
        inputs = read_inputs(spelled.get("inputs"), self.report)
        outputs = read_outputs(spelled.get("outputs"), is_block, self.report)
        input_nodes = [node for _, node in inputs]
        written = any(len(spelled.get(key) or ()) for key in (*GROUPS, "links"))
        problems = find_problems(links, input_nodes, [node for _, node in outputs]) if links else []
        for problem in problems if written else ["there are no links"]:
            self.report(problem)
        if not outputs:
            outputs = tuple(("sr", node) for node in unconsumed(links)[:1])
        return Graph(sort_links(links, input_nodes), inputs, outputs, blocks)

    def _check_keys(self, spelled: Mapping, keys: tuple[str, ...], is_block: bool) -> None:
        groups = [*GROUPS, *OLDER_SPELLING]
        known = [*keys, *groups, *(f"{group}_{part}" for group in groups for part in ("sub", "par"))]
        for key in spelled:
            if key in known:
                continue
            if is_block and key in _MODEL_KEYS:
                self.report(f"'{key}' belongs to the model, not to a block")
            else:
                self.report(unknown("key", key, known, most=len(_MODEL_KEYS)))

    def _present_spelling(self, spelled: Mapping) -> dict:
        present = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in spelled.items()}
        for older, group in OLDER_SPELLING.items():
            for part in ("", "_sub", "_par"):
                if older + part not in present:
                    continue
                if group + part in present:
                    self.report(f"'{older + part}' is the older spelling of '{group + part}', and both are given; keep one")
                else:
                    present[group + part] = present[older + part]
        return present

    def _defaults(self, given: Any, outer: dict[str, dict]) -> dict[str, dict]:
        defaults = {group: dict(parameters) for group, parameters in outer.items()}
        if given is None:
            return defaults
        if not isinstance(given, Mapping):
            self.report(f"'defaults' must be {{group: {{parameter: value}}}}, not {kind_of(given)}")
            return defaults
        for spelled, parameters in given.items():
            group = OLDER_SPELLING.get(spelled, spelled)
            if group not in GROUPS:
                self.report(f"defaults: {unknown('group', spelled, GROUPS)}")
            elif group == "block" or not isinstance(parameters, Mapping):
                reason = "takes no defaults" if group == "block" else f"must be a dictionary, not {kind_of(parameters)}"
                self.report(f"defaults: '{spelled}' {reason}")
            else:
                defaults[group] = defaults.get(group, {}) | self._values(parameters, f"defaults: {spelled}")
        return defaults

    def _blocks(self, given: Any, defaults: dict[str, dict]) -> dict[str, Graph | Function]:
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            self.report(f"'blocks' must be {{name: dictionary or function}}, not {kind_of(given)}")
            return {}
        blocks: dict[str, Graph | Function] = {}
        for name, block in given.items():
            if not isinstance(name, str) or not name:
                self.report(f"a block's name must be a non-empty string, not {name!r}")
            elif isinstance(block, Mapping) and set(block) == {"function"}:
                blocks[name] = Function(str(block["function"]))
            elif isinstance(block, Mapping):
                outer, self.path = self.path, f"{self.path}: blocks['{name}']"
                blocks[name] = self.graph(block, _BLOCK_KEYS, defaults, is_block=True)
                self.path = outer
            elif callable(block):
                blocks[name] = Function(name, block)
            else:
                self.report(f"blocks['{name}'] must be a dictionary or a Python function, not {kind_of(block)}")
        return blocks

    # --- links ---------------------------------------------------------------------------------------------------

    def _group(self, group: str, spelled: dict, defaults: dict, blocks: dict) -> list[Link]:
        links = spelled.get(group)
        if isinstance(links, list | tuple):
            links = [nodes.tolist() if hasattr(nodes, "tolist") else nodes for nodes in links]
        if links is None:
            for part in ("_sub", "_par"):
                if spelled.get(group + part):
                    self.report(f"'{group}{part}' is given without '{group}'")
            return []
        if not isinstance(links, list | tuple):
            self.report(f"'{group}' must be a list of links (source, ..., target), not {kind_of(links)}")
            return []
        layers = self._one_or_each(f"{group}_sub", spelled.get(f"{group}_sub"), len(links), (str,))
        parameters = self._one_or_each(f"{group}_par", spelled.get(f"{group}_par"), len(links), (Mapping,))
        made = []
        for index, (nodes, layer, given) in enumerate(zip(links, layers, parameters, strict=True)):
            link = self._link(group, nodes, layer, given, f"{group}[{index}]", defaults, blocks)
            made += [link] if link else []
        return made

    def _one_or_each(self, key: str, given: Any, count: int, single: tuple[type, ...]) -> list[Any]:
        if given is None:
            return [None] * count
        if isinstance(given, single) or callable(given):
            return [given] * count
        if not isinstance(given, list | tuple):
            self.report(f"'{key}' must be one value for all links or a list of one each, not {kind_of(given)}")
            return [None] * count
        if len(given) != count:
            self.report(f"'{key}' has {len(given)} entries for {count} links")
            return [*given, *[None] * count][:count]
        return list(given)

    def _normal_links(self, given: Any, defaults: dict) -> list[Link]:
        if given is None:
            return []
        if not isinstance(given, list | tuple):
            self.report(f"'links' must be a list, not {kind_of(given)}")
            return []
        made, counts = [], dict.fromkeys(GROUPS, 0)
        for index, entry in enumerate(given):
            if not isinstance(entry, list | tuple) or len(entry) != 5 or not isinstance(entry[1], list | tuple):
                self.report(f"links[{index}]: an entry is [group, [sources], target, layer, {{parameters}}], not {kind_of(entry)}")
            elif entry[0] not in GROUPS:
                self.report(f"links[{index}]: {unknown('group', entry[0], GROUPS)}")
            else:
                group, sources, target, layer, parameters = entry
                link = self._link(group, (*sources, target), layer, parameters, f"{group}[{counts[group]}]", defaults, {})
                counts[group] += 1
                made += [link] if link else []
        return made

    def _link(self, group: str, nodes: Any, layer: Any, given: Any, at: str, defaults: dict, blocks: dict) -> Link | None:
        if not isinstance(nodes, list | tuple) or len(nodes) < 2:
            self.report(f"{at}: a link is (source, ..., target), not {kind_of(nodes)}")
            return None
        read = []
        for node in nodes:
            try:
                read.append(read_node(node))
            except ValueProblem as problem:
                self.report(f"{at}: {problem}")
        if len(read) < len(nodes):
            return None
        sources, target = tuple(read[:-1]), read[-1]
        where = f"{at} ({link_text(sources, target)})"
        name = self._layer_name(group, layer, where, defaults, blocks)
        if name is None:
            return None
        return self._parametrised(group, sources, target, name, given, where, defaults)

    def _layer_name(self, group: str, layer: Any, where: str, defaults: dict, blocks: dict) -> str | None:
        if layer is None:
            layer = defaults.get(group, {}).get("layer") or GROUPS[group][0]
            if layer is None:
                self.report(f"{where}: which {group}? name it in '{group}_sub'")
            return layer
        if group == "block" and callable(layer) and not isinstance(layer, type) and hasattr(layer, "__name__"):
            name = layer.__name__
            if name in blocks and blocks[name] != Function(name, layer):
                self.report(f"{where}: two blocks are called {name!r}")
            blocks[name] = Function(name, layer)
            return name
        if isinstance(layer, str) and layer:
            return layer
        hint = f"; write its name, {layer.__name__!r}" if hasattr(layer, "__name__") else ""
        self.report(f"{where}: '{group}_sub' names a {'block' if group == 'block' else 'layer'} by a string, not {kind_of(layer)}{hint}")
        return None

    def _parametrised(self, group: str, sources: tuple[Node, ...], target: Node, layer: str, given: Any, where: str, defaults: dict) -> Link | None:
        if given is not None and not isinstance(given, Mapping):
            self.report(f"{where}: parameters must be a dictionary or None, not {kind_of(given)}")
            given = None
        inherited = GROUPS[group][1] | {key: value for key, value in defaults.get(group, {}).items() if key != "layer"}
        if layer in TAKES or (group == "activation" and layer.islower()):  # an activation function takes nothing
            known = {*TAKES.get(layer, ()), *LINK_PARAMETERS, "dtype", "trainable"}
            inherited = {key: value for key, value in inherited.items() if key in known}
        values = dict(inherited)
        values |= self._values(given or {}, where)
        repeat, share = values.pop("repeat", None), values.pop("share", None)
        try:
            repeat = None if repeat is None else read_count(repeat, "repeat")
            share = None if share is None else str(read_node(share))
        except ValueProblem as problem:
            self.report(f"{where}: {problem if 'repeat' in str(problem) else f'share: {problem}'}")
            repeat = share = None
        return Link(group, sources, target, layer, values, repeat, share, where)

    def _values(self, given: Mapping, where: str) -> dict[str, Any]:
        values = {}
        for key, value in given.items():
            if not isinstance(key, str):
                self.report(f"{where}: a parameter's name must be a string, not {kind_of(key)}")
                continue
            try:
                values[key] = plain(value)
            except ValueProblem as problem:
                self.report(f"{where}: parameter '{key}' {problem}")
        return values
