"""Dictionaries in words: a table of a model's links with shapes and costs, and the difference of two models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from visionfw.graph.analysis.cost import OUTPUT, Cost, total_cost
from visionfw.graph.analysis.layer_uses import LayerUse, layer_uses
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import TensorId, layer_text
from visionfw.graph.language.catalog import short
from visionfw.graph.language.ir import Graph, Link, Scopes, link_text
from visionfw.graph.language.parameters import copies_of, use_block
from visionfw.graph.language.parser import Functions, canonicalize
from visionfw.layers.facts import is_cost_known
from visionfw.reports.text_tables import plain_table

_HEADINGS = ("link", "layer", "output", "parameters", "multiply-adds")
_NUMERIC_COLUMNS = 3  # the columns from this one on are aligned to the right
_INDENT = "  "
_MAX_VALUES = 4  # of a parameter in which copies differ, that are all written


def describe(dictionary: Mapping[str, Any], scale: int | None = None, functions: Functions | None = None) -> str:
    """Return a table of a model's links with their output shapes, parameters and multiply-adds (for a 1280x720 output).

    A block's links stand indented under it, once however often it is repeated, with the costs of one copy.

    Args:
        dictionary: any spelling.
        scale: the run's scale, for a dictionary that leaves it open.
        functions: Python functions that its links may name as blocks.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
    """
    return table(examine(dictionary, scale, functions))


def table(checked: Checked) -> str:
    """Return `describe`'s table of a checked dictionary."""
    uses = layer_uses(checked, OUTPUT)
    rows = _Rows(checked, uses.uses, uses.factor).all()
    cells = [_HEADINGS, *((_INDENT * row.depth + row.link, *row[2:]) for row in rows)]
    return "\n".join(
        [
            _head(checked),
            "",
            *plain_table(cells, [column >= _NUMERIC_COLUMNS for column in range(len(_HEADINGS))]),
            "",
            _foot(total_cost(checked, uses), uses.uncounted),
        ]
    )


def _head(checked: Checked) -> str:
    definition = checked.definition
    colors = {"rgb": "RGB", "y": "luma"}[definition.color] + (", bicubic upscaling first" if definition.pre_upsample else "")
    if definition.padded_inputs:
        colors += f", sides padded to multiples of {definition.multiple} ({definition.edge})"
    return f"{definition.name}: scale {definition.scale}, {colors}" + (f"\n{definition.paper}" if definition.paper else "")


def _foot(cost: Cost, uncounted: Sequence[str]) -> str:
    side = cost.receptive_field
    area = "the whole image" if math.isinf(side) else f"{side} x {side} pixels"
    without = f" (without those of {', '.join(uncounted)}, which are not known)" if uncounted else ""
    return f"{cost.params:,} parameters, {short(cost.multiply_adds)} multiply-adds for a 1280x720 output{without}, receptive field {area}"


class _Row(NamedTuple):
    """One line of the table: how deep its link stands in blocks, and its cells."""

    depth: int
    link: str
    layer: str
    output: str
    parameters: str
    multiply_adds: str


@dataclass
class _Rows:
    """The rows of a table, made link by link; weights that a row has counted are 'shared' in later ones."""

    checked: Checked
    uses: Sequence[LayerUse]
    factor: float
    counted: set[str] = field(default_factory=set)

    def all(self) -> list[_Row]:
        """Return the rows of the whole model."""
        graph = self.checked.definition.graph
        return list(self._of_graph(graph, (), (graph.blocks,)))

    def _of_graph(self, graph: Graph, place: TensorId, scopes: Scopes) -> Iterator[_Row]:
        for link in graph.links:
            yield self._of_link(link, place)
            block, inner = use_block(next(copies_of(link)), scopes) if link.group == "block" else (None, scopes)
            if isinstance(block, Graph):
                yield from self._of_graph(block, (*place, (link.group, link.target, link.copies[0])), inner)
            if not place:
                self.counted.update(use.name for use in self.uses if use.place[0][:2] == (link.group, link.target))

    def _of_link(self, link: Link, place: TensorId) -> _Row:
        text = layer_text(link) if link.parameters else link.layer
        shapes = shapes_behind(self.checked, (*place, (link.group, link.target, link.copies[-1])))
        repeat = f" x{link.repeat}{varied_text(link)}" if link.repeat else ""
        parameters, multiply_adds = self._costs(link, place)
        return _Row(len(place), f"{link.group} {link.text}", text + repeat, shapes, parameters, multiply_adds)

    def _costs(self, link: Link, place: TensorId) -> tuple[str, str]:
        """Add up all copies of a link: parameters that no row has counted, and multiply-adds."""
        copies = [(*place, (link.group, link.target, copy)) for copy in link.copies]
        inside = [use for use in self.uses if use.place[: len(place) + 1] in copies]
        params = {use.name: use.params for use in inside}
        new = sum(count for name, count in params.items() if name not in self.counted)
        multiply_adds = round(sum(use.multiply_adds for use in inside) * self.factor)
        is_shared = sum(params.values()) > 0 and not new
        unknown = "?" if len(inside) == 1 and not is_cost_known(inside[0].layer) else ""
        return "shared" if is_shared else f"{new:,}" if new else "", short(multiply_adds) if multiply_adds else unknown


def varied_text(link: Link) -> str:
    """Write the parameters in which the copies of a link differ: " (shift=0/4)"; "" where they do not."""
    if not link.varied:
        return ""
    keys = dict.fromkeys(key for copy in link.varied for key in copy)
    texts = []
    for key in keys:
        values = [str(copy.get(key, link.parameters.get(key, "-"))) for copy in link.varied]
        shown = values if len(values) <= _MAX_VALUES else [*values[:2], "...", values[-1]]
        texts.append(f"{key}={'/'.join(shown)}")
    return f" ({', '.join(texts)})"


def shapes_behind(checked: Checked, place: TensorId) -> str:
    """Return the shape behind a link, or the shapes of its outputs, by its path; "" where there is none."""
    shapes = [str(checked.shapes[tensor]) for tensor in checked.flat.results.get(place, ()) if tensor in checked.shapes]
    return " and ".join(dict.fromkeys(shapes))


# --- differences -------------------------------------------------------------------------------------------------------


def diff(a: Mapping[str, Any], b: Mapping[str, Any], functions: Functions | None = None) -> str:
    """Return what changes from dictionary `a` to `b`, link by link; '' where they mean the same.

    Links are known by group and target, so the order and the spelling of the dictionaries make no difference.

    Args:
        a, b: any spelling.
        functions: Python functions that their links may name as blocks.

    Raises:
        ModelDefinitionError: one of them is not in the language.
    """
    return "\n".join(_differences(canonicalize(a, functions), canonicalize(b, functions), ""))


def _differences(a: Mapping[str, Any], b: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the differences of two canonical graphs."""
    for key in sorted((set(a) | set(b)) - {"links", "blocks"}):
        if a.get(key) != b.get(key):
            yield f"{path}{key}: {a.get(key)!r} -> {b.get(key)!r}"
    links_a, links_b = ({(link[0], str(link[2])): link for link in graph.get("links", ())} for graph in (a, b))
    for known in [*links_a, *(link for link in links_b if link not in links_a)]:
        yield from _link_difference(links_a.get(known), links_b.get(known), path)
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
        group, sources, target, layer, parameters = a or b or []
        yield f"{path}{'+' if a is None else '-'} {group} ({link_text(sources, _as_list(target))}) {layer}{parameters or ''}"
        return
    changes = [f"{name} {old!r} -> {new!r}" for name, old, new in (("sources", a[1], b[1]), ("layer", a[3], b[3])) if old != new]
    for key in sorted(set(a[4]) | set(b[4])):
        if a[4].get(key) != b[4].get(key):
            changes.append(f"{key} {a[4].get(key)!r} -> {b[4].get(key)!r}")
    yield f"{path}~ {a[0]} ({link_text(b[1], _as_list(b[2]))}) {b[3]}: {', '.join(changes)}"


def _as_list(target: Any) -> list[Any]:
    return target if isinstance(target, list) else [target]
