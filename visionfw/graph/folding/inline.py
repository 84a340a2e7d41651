"""Registered blocks written out as blocks of the definition itself, so that what is inside them can be folded. Names of layers stay."""

from __future__ import annotations

import inspect
from dataclasses import replace

from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.ir import FunctionBlock, Graph, Link, Scopes, find_block
from visionfw.graph.language.parameters import references
from visionfw.graph.language.parser import parse_block

Blocks = dict[str, Graph | FunctionBlock]


def inlined(graph: Graph, scopes: Scopes = ()) -> Graph:
    """Return a graph whose links name no registered block that is a dictionary, but blocks of its own instead.

    A link whose copies differ, or that refers to parameters of the block around it, keeps its registered block.

    Args:
        graph: a definition's graph without problems.
        scopes: the blocks of the graphs around it.
    """
    scopes = (graph.blocks, *scopes)
    blocks: Blocks = {name: inlined(block, scopes) if isinstance(block, Graph) else block for name, block in graph.blocks.items()}
    links = tuple(_inlined_link(link, scopes, blocks) for link in graph.links)
    return replace(graph, links=links, blocks=blocks)


def _inlined_link(link: Link, scopes: Scopes, blocks: Blocks) -> Link:
    """Return a link that names a block in `blocks` in place of a registered one; the block is added there."""
    if not _is_registered_dictionary(link, scopes) or link.varied is not None or any(references(link.parameters)):
        return link
    block, problems = parse_block(link.layer, BLOCKS.load(link.layer)(**link.parameters))
    if problems:  # the check has refused it already
        return link
    name = _free_name(link.layer, blocks, scopes)
    blocks[name] = inlined(block)
    return replace(link, layer=name, parameters={})


def _is_registered_dictionary(link: Link, scopes: Scopes) -> bool:
    if link.group != "block" or link.layer not in BLOCKS or find_block(link.layer, scopes)[0] is not None:
        return False
    parameters = inspect.signature(BLOCKS.load(link.layer)).parameters.values()
    return all(one.default is not one.empty for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD))


def _free_name(name: str, blocks: Blocks, scopes: Scopes) -> str:
    """Return a name that no block has that the link can see."""
    taken = {*blocks, *(known for scope in scopes for known in scope), *BLOCKS}
    return next(f"{name}_{number}" for number in range(1, len(taken) + 2) if f"{name}_{number}" not in taken)
