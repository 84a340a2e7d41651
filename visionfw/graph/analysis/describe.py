"""What can be said of a dictionary in words: a table of its links with shapes and costs, and the difference of two."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from visionfw.graph.analysis.cost import Unit, total_cost, units
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import Place, Scopes, find_block, layer_text
from visionfw.graph.checking.functions import functions_of
from visionfw.graph.checking.shapes import SymbolicShape
from visionfw.graph.language.ir import Graph, Link, link_text
from visionfw.graph.language.parser import canonicalize

_OUTPUT = (720, 1280)


def describe(dictionary: Mapping[str, Any], scale: int | None = None) -> str:
    """Return a table of a model's links with their output shapes, parameters and multiply-adds (for a 1280x720 output).

    A block's links stand indented under it, once however often it is repeated, with the figures of one copy.

    Args:
        dictionary: any spelling.
        scale: the run's scale, for a dictionary that leaves it open.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
    """
    return table(examine(dictionary, scale, functions_of(sys._getframe(1), dictionary)))


def table(checked: Checked) -> str:
    """Return `describe`'s table of a checked dictionary."""
    found, exact = units(checked, _OUTPUT)
    total = total_cost(checked, found, exact)
    rows = [("link", "layer", "output", "parameters", "multiply-adds"), *_rows(checked, found, exact)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    definition = checked.definition
    kind = {"rgb": "RGB", "y": "luma"}[definition.color] + (", bicubic enlargement first" if definition.pre_upsample else "")
    head = f"{definition.name}: scale {definition.scale}, {kind}" + (f"\n{definition.paper}" if definition.paper else "")
    field = "the whole image" if total.receptive_field == float("inf") else f"{total.receptive_field} x {total.receptive_field} pixels"
    foot = f"{total.params:,} parameters, {short(total.multiply_adds)} multiply-adds for a 1280x720 output, receptive field {field}"
    return "\n".join([head, "", *lines, "", foot])


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Yield a row's cells, words to the left and figures to the right."""
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.rjust(width) if column > 2 else cell.ljust(width)


def short(number: float) -> str:
    """Write a large number briefly: 1.518 M, 114.2 G.

    Example:
        >>> short(1517571)
        '1.518 M'
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.4g} {letter}"
    return f"{number:g}"


def _rows(checked: Checked, found: list[Unit], exact: float) -> Iterator[tuple[str, ...]]:
    counted: set[str] = set()

    def figures(place: Place, link: Link) -> tuple[str, str]:
        """Sum up all copies of a link at a place."""
        copies = [(*place, (link.group, link.target, copy)) for copy in copies_of(link)]
        inside = [unit for unit in found if unit.place[: len(place) + 1] in copies]
        params = {unit.name: unit.params for unit in inside}
        new = sum(count for name, count in params.items() if name not in counted)
        multiply_adds = round(sum(unit.multiply_adds for unit in inside) * exact)
        shared = bool(sum(params.values())) and not new
        return ("shared" if shared else f"{new:,}" if new else ""), (short(multiply_adds) if multiply_adds else "")

    def walk(graph: Graph, place: Place, scopes: Scopes) -> Iterator[tuple[str, ...]]:
        for link in graph.links:
            times = f" x{link.repeat}" if link.repeat else ""
            text = layer_text(link) if link.parameters else link.layer
            shape = shape_behind(checked, (*place, (link.group, link.target, copies_of(link)[-1])))
            yield ("  " * len(place) + f"{link.group} {link_text(link.sources, link.target)}", text + times, str(shape or ""), *figures(place, link))
            block, inner = find_block(link.layer, scopes) if link.group == "block" else (None, scopes)
            if isinstance(block, Graph):
                yield from walk(block, (*place, (link.group, link.target, copies_of(link)[0])), inner)
            if not place:
                counted.update(unit.name for unit in found if unit.place[0][:2] == (link.group, link.target))

    yield from walk(checked.definition.graph, (), (checked.definition.graph.blocks,))


def copies_of(link: Link) -> list[int | None]:
    """Return the numbers of a link's copies; [None] for a link that is not repeated."""
    return [None] if link.repeat is None else list(range(link.repeat))


def shape_behind(checked: Checked, place: Place) -> SymbolicShape | None:
    """Return the shape behind a link by its place: its tensor's, or that of the last tensor made inside its block."""
    inside = [call.target for call in checked.expanded.calls if call.target[: len(place)] == place]
    return checked.shapes.get(inside[-1]) if inside else None


def diff(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """Say what changes from dictionary `a` to `b`, link by link; '' where they mean the same.

    Links are known by group and target, so the order and the spelling of the dictionaries carry no difference.

    Raises:
        ModelDefinitionError: one of them is not in the language.
    """
    return "\n".join(_differences(canonicalize(a), canonicalize(b), ""))


def _differences(a: Mapping[str, Any], b: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in sorted((set(a) | set(b)) - {"links", "blocks"}):
        if a.get(key) != b.get(key):
            yield f"{path}{key}: {a.get(key)!r} -> {b.get(key)!r}"
    links_a, links_b = ({(link[0], link[2]): link for link in side["links"]} if "links" in side else {} for side in (a, b))
    for key in [*links_a, *(key for key in links_b if key not in links_a)]:
        yield from _link_difference(links_a.get(key), links_b.get(key), path)
    blocks_a, blocks_b = a.get("blocks", {}), b.get("blocks", {})
    for name in sorted(set(blocks_a) | set(blocks_b)):
        inner = f"{path}blocks['{name}']: "
        if name not in blocks_b or name not in blocks_a:
            yield f"{inner}{'removed' if name in blocks_a else 'added'}"
        else:
            yield from _differences(blocks_a[name], blocks_b[name], inner)


def _link_difference(a: list | None, b: list | None, path: str) -> Iterator[str]:
    if a == b:
        return
    if a is None or b is None:
        group, sources, target, layer, parameters = a or b
        yield f"{path}{'+' if a is None else '-'} {group} ({link_text(sources, target)}) {layer}{parameters or ''}"
        return
    changes = [f"{name} {x!r} -> {y!r}" for name, x, y in (("sources", a[1], b[1]), ("layer", a[3], b[3])) if x != y]
    for key in sorted(set(a[4]) | set(b[4])):
        if a[4].get(key) != b[4].get(key):
            changes.append(f"{key} {a[4].get(key)!r} -> {b[4].get(key)!r}")
    yield f"{path}~ {a[0]} ({link_text(b[1], b[2])}) {b[3]}: {', '.join(changes)}"
