"""Parameters of blocks: a link's values put in the places of a block that refer to them. No Keras here.

A block's dictionary names its parameters with their defaults, `"parameters": {"filters": 64}`, and a value `"$filters"` anywhere among the
parameters of its links, or of the blocks that it defines, stands for what the link that uses the block gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from visionfw.graph.language.ir import FunctionBlock, Graph, Link, Scopes, find_block
from visionfw.graph.language.parse_values import parse_repeat

PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MARK = "$"


def reference(value: Any) -> str | None:
    """Return the name of the parameter that a value stands for, or None."""
    return value[1:] if isinstance(value, str) and value.startswith(_MARK) else None


def references(value: Any) -> Iterator[str]:
    """Yield the names of the parameters that a value, or something in it, stands for."""
    name = reference(value)
    if name is not None:
        yield name
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from references(entry)
    elif isinstance(value, Mapping):
        yield from references(list(value.values()))


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a value with those of parameters in the places that stand for them."""
    name = reference(value)
    if name is not None:
        return values.get(name, value)
    if isinstance(value, list | tuple):
        return type(value)(fill(entry, values) for entry in value)
    if isinstance(value, Mapping):
        return {key: fill(entry, values) for key, entry in value.items()}
    return value


def bind(block: Graph, given: Mapping[str, Any]) -> Graph:
    """Return a block's graph with the values of a link in place of its parameters; without parameters the graph itself.

    Args:
        block: the block.
        given: the link's parameters; the block's defaults stand for those that are not there.

    Raises:
        ValueProblem: a link of the block would be repeated by what is no number of copies.
    """
    values = {name: given.get(name, default) for name, default in block.parameters.items()}
    return replace(_filled(block, values), parameters={}) if values else block


def _filled(graph: Graph, values: Mapping[str, Any]) -> Graph:
    links = tuple(_filled_link(link, values) for link in graph.links)
    return replace(graph, links=links, blocks={name: _filled_block(block, values) for name, block in graph.blocks.items()})


def _filled_block(block: Graph | FunctionBlock, values: Mapping[str, Any]) -> Graph | FunctionBlock:
    """Fill a block that is defined in a block; its own parameters hide those of the same name around it."""
    if isinstance(block, FunctionBlock):
        return block
    seen = {name: value for name, value in values.items() if name not in block.parameters}
    return replace(_filled(block, seen), parameters=fill(block.parameters, values))


def _filled_link(link: Link, values: Mapping[str, Any]) -> Link:
    """Return a link with values in place of parameters; the link itself where it refers to none of them."""
    if not any(name in values for name in references([link.parameters, link.repeat, link.varied])):
        return link
    repeat, varied = link.repeat, fill(link.varied, values)
    if reference(repeat) is not None:
        repeat, varied = parse_repeat(fill(repeat, values))
    return replace(link, parameters=fill(link.parameters, values), repeat=repeat, varied=varied, written=link.as_written)


def use_block(link: Link, scopes: Scopes) -> tuple[Graph | FunctionBlock | None, Scopes]:
    """Look up a link's block; return it with the link's values in place of its parameters, and the scopes that its own links see.

    Raises:
        ValueProblem: as `bind`.
    """
    block, inner = find_block(link.layer, scopes)
    if not isinstance(block, Graph):
        return block, inner
    bound = bind(block, link.parameters)
    return bound, (bound.blocks, *inner[1:])


def copies_of(link: Link) -> Iterator[Link]:
    """Yield the link of each copy of a link: the link itself, unless it gives its copies parameters of their own."""
    for number in range(len(link.copies)):
        if link.varied is None:
            yield link
        else:
            yield replace(link, parameters={**link.parameters, **link.varied[number]}, varied=None, written=link.as_written)
