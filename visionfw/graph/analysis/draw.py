"""Drawings of models: the graph as a column of boxes, and every block beside it, once however often it is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from visionfw.errors import RequestError
from visionfw.graph.analysis.describe import shapes_behind, varied_text
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import TensorId
from visionfw.graph.language.ir import Graph, Link, Node, Scopes, find_block
from visionfw.graph.language.parameters import copies_of, use_block
from visionfw.graph.language.parser import Functions
from visionfw.reports.figures import new_figure, save_figure

_COLORS = {
    "conv": "#cfe2f3",
    "activation": "#fde9c9",
    "norm": "#e3d7f0",
    "merge": "#d5ecd4",
    "block": "#f8d5d2",
    "layer": "#dcdfe3",
    "end": "#ffffff",
}
_MAX_TITLE = 30  # characters of a block's values
_WIDTH, _HEIGHT, _DOWN, _ACROSS = 2.6, 0.52, 0.86, 2.9  # inches: a box, and the distances between boxes


@dataclass
class Box:
    """One box of a panel: a link, or an end."""

    lines: tuple[str, ...]
    group: str
    sources: tuple[Node, ...]
    copies: bool = False
    rank: int = 0
    x: float = 0.0

    @property
    def width(self) -> float:
        return 1.5 if self.group == "end" and len(self.lines) == 1 else _WIDTH

    @property
    def height(self) -> float:
        return 0.36 if self.group == "end" and len(self.lines) == 1 else _HEIGHT


@dataclass(frozen=True)
class Panel:
    """One graph: its title and its boxes by the node they make."""

    title: str
    boxes: dict[Node, Box]

    @property
    def ranks(self) -> int:
        return max(box.rank for box in self.boxes.values()) + 1

    @property
    def width(self) -> float:
        spread = max(abs(box.x) for box in self.boxes.values())
        return _WIDTH + 2 * spread + 2 * self.margin

    @property
    def margin(self) -> float:
        """Space for the links that pass boxes by."""
        longest = max((box.rank - self.boxes[source].rank for box in self.boxes.values() for source in box.sources), default=1)
        return 0.35 + (min(1.1, 0.16 * longest) if longest > 1 else 0.0)


def draw(dictionary: Mapping[str, Any], path: str | Path, scale: int | None = None, functions: Functions | None = None) -> None:
    """Draw a model's graph.

    Args:
        dictionary: any spelling.
        path: .svg or .png file to write.
        scale: the run's scale, for a dictionary that leaves it open.
        functions: Python functions that its links may name as blocks.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
        RequestError: the file format is not supported, or matplotlib is not installed.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise RequestError(f"a model is drawn as .svg or .png, not {path.name!r}")
    render(examine(dictionary, scale, functions), path)


def render(checked: Checked, path: Path | BytesIO, kind: str | None = None) -> None:
    """Draw a checked dictionary into a file, or in a format `kind` into memory. Raises RequestError where matplotlib is not installed."""
    panels = [_laid_out(panel) for panel in _Panels(checked).all()]
    width = sum(panel.width for panel in panels)
    height = max(panel.ranks for panel in panels) * _DOWN + 0.7
    with new_figure(width, height, layout=None) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        left = 0.0
        for panel in panels:
            _draw_panel(axes, panel, left + panel.width / 2)
            left += panel.width
        save_figure(figure, path, dpi=110, kind=kind)


class _Panels:
    """Makes the model's panel and one for every block, each block once."""

    def __init__(self, checked: Checked):
        self.checked = checked
        self.drawn: list[int] = []

    def all(self) -> Iterator[Panel]:
        """Yield the panels, the model's first."""
        definition = self.checked.definition
        upscaled = definition.upscaled_input()
        padding = {name: f"\npadded to multiples of {definition.multiple}" for name in definition.padded_inputs}
        ends = {node: name + (", upscaled by bicubic" if name == upscaled else "") + padding.get(name, "") for name, node in definition.graph.inputs}
        yield from self._of_graph(_Place(definition.graph, definition.name, (), (definition.graph.blocks,)), ends)

    def _of_graph(self, place: _Place, ends: Mapping[Node, str]) -> Iterator[Panel]:
        """Yield a graph's panel, whose inputs are boxes with the lines `ends`, and those of the blocks that it uses first."""
        boxes: dict[Node, Box] = {node: Box(tuple(text.split("\n")), "end", ()) for node, text in ends.items()}
        inner = []
        first_targets: dict[Node, Node] = {}
        for link in place.graph.links:
            first, last = ((*place.path, (link.group, link.target, link.copies[end])) for end in (0, -1))
            sources = tuple(dict.fromkeys(first_targets.get(node, node) for node in link.sources))
            first_targets |= dict.fromkeys(link.produced, link.target)
            boxes[link.target] = Box(_lines(link, shapes_behind(self.checked, last)), link.group, sources, copies=link.repeat is not None)
            definition = find_block(link.layer, place.scopes)[0] if link.group == "block" else None
            if isinstance(definition, Graph) and id(definition) not in self.drawn:
                self.drawn.append(id(definition))
                copy = next(copies_of(link))
                block, scopes = use_block(copy, place.scopes)
                inner.append(_Place(cast(Graph, block), _block_title(copy, definition), first, scopes))
        for name, node in place.graph.outputs:
            lines = ("output",) if place.path else (name, "padding cropped") if self.checked.is_cropped(name) else (name,)
            boxes[f"{name or node} (output)"] = Box(lines, "end", (first_targets.get(node, node),))
        yield Panel(place.title, boxes)
        for one in inner:
            yield from self._of_graph(one, _block_ends(one.graph))


@dataclass(frozen=True)
class _Place:
    """A graph to be drawn: its title, the path to it, and the blocks that its links see."""

    graph: Graph
    title: str
    path: TensorId
    scopes: Scopes


def _block_title(link: Link, block: Graph) -> str:
    """Write a block's name, and the values with which it is drawn."""
    values = ", ".join(f"{name}={link.parameters.get(name, default)}" for name, default in block.parameters.items())
    return f"{link.layer} ({values})" if values and len(values) <= _MAX_TITLE else link.layer


def _block_ends(block: Graph) -> dict[Node, str]:
    if len(block.inputs) == 1:
        return {block.inputs[0][1]: "input"}
    return {node: f"input {number}" for number, (_, node) in enumerate(block.inputs, 1)}


def _lines(link: Link, shape: str) -> tuple[str, ...]:
    parameters = link.parameters
    if link.group == "conv":
        size, stride = parameters.get("kernel_size", 3), parameters.get("strides", 1)
        text = f"{link.layer} {'x'.join(map(str, size)) if isinstance(size, list) else f'{size}x{size}'}"
        text += f", {parameters['filters']}" if "filters" in parameters else ""
        text += f", stride {stride}" if stride not in (1, [1, 1]) else ""
    else:
        numbers = [str(value) for value in parameters.values() if isinstance(value, int | float) and not isinstance(value, bool)]
        text = " ".join([link.layer, *numbers[:2]])
    text += f"  x {link.repeat}{varied_text(link)}" if link.repeat else ""
    text += f"  (shared: {link.share})" if link.share else ""
    return (text, shape) if shape else (text,)


def _laid_out(panel: Panel) -> Panel:
    """Give every box its rank, the longest path from an input, and its position across: boxes of one rank side by side."""
    boxes = panel.boxes
    for box in boxes.values():  # sources stand before their users
        box.rank = max((boxes[source].rank + 1 for source in box.sources), default=0)
    users: dict[Node, list[Box]] = {}
    for box in boxes.values():
        for source in box.sources:
            users.setdefault(source, []).append(box)
    for node, box in boxes.items():  # an input, or a short branch, stands just above its first user
        if not box.sources and node in users:
            box.rank = max(0, min(user.rank for user in users[node]) - 1)
    for rank in range(panel.ranks):
        row = [box for box in boxes.values() if box.rank == rank]
        row.sort(key=lambda box: _preferred(box, boxes))
        for number, box in enumerate(row):
            box.x = (number - (len(row) - 1) / 2) * _ACROSS
    return panel


def _preferred(box: Box, boxes: Mapping[Node, Box]) -> float:
    positions = [boxes[source].x for source in box.sources]
    return sum(positions) / len(positions) if positions else 0.0


def _draw_panel(axes: Any, panel: Panel, center: float) -> None:
    top = 0.75
    axes.text(center, 0.32, panel.title, ha="center", va="center", fontsize=13, fontweight="bold", color="#222222")
    for box in panel.boxes.values():
        for source in box.sources:
            _draw_link(axes, panel, panel.boxes[source], box, center, top)
    for box in panel.boxes.values():
        _draw_box(axes, box, center + box.x, top + box.rank * _DOWN)


def _draw_box(axes: Any, box: Box, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = box.width, box.height
    for shift in (0.09, 0.045, 0.0) if box.copies else (0.0,):
        corner = (x - width / 2 + shift, y - height / 2 + shift)
        style = "round,pad=0,rounding_size=0.07"
        axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=_COLORS[box.group], edgecolor="#555555", linewidth=0.9, zorder=3))
    if len(box.lines) == 1:
        axes.text(x, y, box.lines[0], ha="center", va="center", fontsize=9, zorder=4)
        return
    axes.text(x, y - 0.1, box.lines[0], ha="center", va="center", fontsize=9, zorder=4)
    axes.text(x, y + 0.12, box.lines[1], ha="center", va="center", fontsize=7.5, color="#666666", zorder=4)


def _draw_link(axes: Any, panel: Panel, source: Box, target: Box, center: float, top: float) -> None:
    """Draw one link: straight to the next rank, round the boxes between otherwise."""
    start_x, end_x = center + source.x, center + target.x
    start_y, end_y = top + source.rank * _DOWN, top + target.rank * _DOWN
    style = {"arrowstyle": "-|>", "color": "#444444", "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    between = [box for box in panel.boxes.values() if source.rank < box.rank < target.rank and abs(box.x - (source.x + target.x) / 2) < _ACROSS * 0.75]
    if not between:
        axes.annotate("", (end_x, end_y - target.height / 2 - 0.02), (start_x, start_y + source.height / 2), arrowprops=style, zorder=2)
        return
    below = [box for box in panel.boxes.values() if source.rank < box.rank <= target.rank and abs(box.x - source.x) < _WIDTH]
    if not below:  # its own column is free: straight down, then across
        side = 1 if source.x > target.x else -1
        axes.plot([start_x, start_x], [start_y, end_y], color="#444444", linewidth=1.1, zorder=2)
        axes.annotate("", (end_x + side * target.width / 2, end_y), (start_x, end_y), arrowprops=style, zorder=2)
        return
    right = max(box.x for box in between) + _WIDTH / 2
    way = center + right + min(panel.margin - 0.2, 0.13 * (target.rank - source.rank) + 0.05)
    start_y, end_y = start_y + 0.08, end_y - 0.08  # a box's own links leave below where others arrive
    axes.plot([start_x + source.width / 2, way, way], [start_y, start_y, end_y], color="#444444", linewidth=1.1, solid_joinstyle="round", zorder=2)
    axes.annotate("", (end_x + target.width / 2, end_y), (way, end_y), arrowprops=style, zorder=2)
