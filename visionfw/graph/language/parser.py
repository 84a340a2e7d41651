"""The parser: any spelling of a model dictionary -> one immutable canonical form. No Keras here.

A dictionary holds links between numbered or named nodes. `spellings` reads the links in each of their spellings, `graph_reader` makes
them links of the canonical form, `model_keys` reads the other keys. docs/model-dictionary.md describes the whole language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from visionfw.errors import ModelDefinitionError
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.defaults import COLORS, EDGES, PRE_UPSAMPLERS
from visionfw.graph.language.graph_reader import GraphReader
from visionfw.graph.language.ir import Definition, FunctionBlock, Graph, Scopes, find_block, to_dictionary
from visionfw.graph.language.model_keys import parse_choice, parse_origin, parse_shapes, parse_text, parse_whole
from visionfw.graph.language.parse_values import describe_value

#: Python functions by the names that links use for them as blocks.
Functions = Mapping[str, Callable]


def canonicalize(dictionary: Mapping[str, Any] | Definition, functions: Functions | None = None) -> dict[str, Any]:
    """Return the one canonical form of a model dictionary: plain JSON, fully defaulted, links sorted in graph order.

    Args:
        dictionary: any spelling, the canonical form itself among them.
        functions: Python functions that its links may name as blocks.

    Returns:
        A dictionary with the keys name, inputs, outputs, links and more; a link is [group, [sources], target, layer, {parameters}].

    Raises:
        ModelDefinitionError: the dictionary is not in the language; `.problems` lists every reason.

    Examples:
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
        return _parse_model(dictionary, functions or {}, GraphReader(title, problems, block_names=functions or ())), problems
    except RecursionError:
        return None, [f"{name}: blocks are nested too deeply, or a block's dictionary contains itself"]


def parse_block(name: str, dictionary: Mapping[str, Any]) -> tuple[Graph, list[str]]:
    """Parse a block's dictionary that stands outside a model: what a registered block returns."""
    problems: list[str] = []
    return GraphReader(f"block '{name}'", problems, is_block=True).read(dictionary), problems


def _parse_model(dictionary: Mapping[str, Any], functions: Functions, reader: GraphReader) -> Definition:
    graph = _with_functions(reader.read(dictionary), functions)
    dictionary, report = reader.spelled_currently(dictionary), reader.report
    definition = Definition(
        name=reader.path,
        graph=graph,
        paper=parse_text(dictionary, "paper", report),
        scale=parse_whole(dictionary, "scale", report),
        color=parse_choice(dictionary, "color", COLORS, report) or "rgb",
        pre_upsample=parse_choice(dictionary, "pre_upsample", PRE_UPSAMPLERS, report),
        multiple=parse_whole(dictionary, "multiple", report),
        edge=parse_choice(dictionary, "edge", EDGES, report) or EDGES[0],
        shapes=parse_shapes(dictionary.get("shapes"), [name for name, _ in graph.inputs], report),
        origin=parse_origin(dictionary.get("origin"), report),
    )
    if definition.pre_upsample and len(graph.inputs) > 1 and "lr" not in dict(graph.inputs):
        report("pre_upsample upscales the input named 'lr', and none of the inputs is; name one 'lr'")
    if dictionary.get("edge") is not None and dictionary.get("multiple") is None:
        report("'edge' says how an image is padded, but 'multiple' does not say to what")
    if (definition.multiple or 1) > 1 and not definition.padded_inputs:
        report("'multiple' pads images of any size, and no input is one")
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
