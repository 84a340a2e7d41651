"""Regions of a graph that one convolution can stand for: linear layers between one source and one target. No Keras here.

A region maps its source to `kernel * zero_padded(source) + bias`, where `*` has no padding of its own. That form survives, exactly and up to
the image's edge, a convolution without padding, a 1x1 convolution, a scale per channel, a sum, and a block that is itself such a region. It does
not survive zeros put around what has a bias or has been convolved, because the zeros are then no longer zeros of the source: there a region ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from visionfw.graph.language.ir import Graph, Link, Node, Scopes, find_block
from visionfw.graph.language.parameters import references

#: Channels of the source and the target of a link, by the link's id; a link that is used with several numbers of channels is not in it.
Channels = Mapping[int, tuple[int, int]]
#: Rows and columns.
Size = tuple[int, int]


@dataclass(frozen=True)
class Tree:
    """How a region computes its target.

    Attributes:
        link: the last link.
        operands: how it gets its sources; None stands for the region's source.
        inner: how the block of the link computes its output from its input; None for a link of a layer.
    """

    link: Link
    operands: tuple[Tree | None, ...]
    inner: Tree | None = None

    def links(self) -> list[Link]:
        """Return the links of the region, without those inside blocks."""
        return [self.link, *(link for operand in self.operands if operand is not None for link in operand.links())]


@dataclass(frozen=True)
class Form:
    """What is known of a region, or of one layer, without its weights. The defaults are those of the source itself.

    Attributes:
        size: of its kernel.
        padding: zeros around its source, on each side.
        groups: groups of channels that do not mix; 0 where no channels mix at all, however many there are.
        has_bias: its bias may be other than 0.
        weights: weights of the kernels in it.
        convolutions: convolutions in it.
        operations: links in it that compute something.
        largest: size of the largest kernel in it, along each axis.
        tree: how it computes.
    """

    size: Size = (1, 1)
    padding: Size = (0, 0)
    groups: int = 0
    has_bias: bool = False
    weights: int = 0
    convolutions: int = 0
    operations: int = 0
    largest: Size = (1, 1)
    tree: Tree | None = None

    def then(self, other: Form) -> Form | None:
        """Return the form of two in series; None where zeros would be put around what is not zero beyond the edge."""
        if any(other.padding[axis] and (self.has_bias or self.size[axis] > 1) for axis in (0, 1)):
            return None
        return replace(
            _combined([self, other]),
            size=_each_axis(lambda one, two: one + two - 1, self.size, other.size),
            padding=_each_axis(lambda one, two: one + two, self.padding, other.padding),
        )


def _each_axis(function: Any, *sizes: Size) -> Size:
    rows, columns = (function(*values) for values in zip(*sizes, strict=True))
    return rows, columns


def _combined(forms: Sequence[Form]) -> Form:
    """Return what series and sums have in common: everything but size and padding."""
    return Form(
        groups=math.gcd(*(form.groups for form in forms)),
        has_bias=any(form.has_bias for form in forms),
        weights=sum(form.weights for form in forms),
        convolutions=sum(form.convolutions for form in forms),
        operations=sum(form.operations for form in forms),
        largest=_each_axis(max, *(form.largest for form in forms)),
    )


def _sum(operands: Sequence[Form]) -> Form | None:
    """Return the form of a sum: kernels are padded with zeros to the largest, which needs equal sizes of the results."""
    grown = {_each_axis(lambda size, padding: 2 * padding - size, form.size, form.padding) for form in operands}
    if len(grown) > 1:
        return None
    total = _combined(operands)
    size, padding = (_each_axis(max, *sizes) for sizes in zip(*((form.size, form.padding) for form in operands), strict=True))
    return replace(total, size=size, padding=padding, operations=total.operations + 1)


@dataclass(frozen=True)
class Region:
    """A region that is worth one convolution.

    Attributes:
        source: its source node.
        form: what it computes.
        tree: how.
        inputs, outputs: channels of its source and target.
    """

    source: Node
    form: Form
    tree: Tree
    inputs: int
    outputs: int


def find_regions(graph: Graph, channels: Channels, scopes: Scopes = ()) -> dict[Node, Region]:
    """Return the regions of one graph by their target; none of them overlap. Those inside blocks that it only uses are not among them.

    Args:
        graph: a model's graph or a block's.
        channels: those of every link that was checked.
        scopes: the blocks of the graphs around it.
    """
    finder = _Finder(graph, channels, scopes)
    regions: dict[Node, Region] = {}
    absorbed: set[int] = set()
    tags = {link.share for link in graph.links}
    for link in reversed(graph.links):
        if id(link) in absorbed or not _is_plain(link) or str(link.target) in tags:  # the convolution's name would be that of a shared one
            continue
        found = [region for source, form in finder.through(link).items() if (region := _region(source, form, channels)) is not None]
        if found:
            region = max(found, key=lambda one: one.form.operations)
            regions[link.target] = region
            absorbed |= {id(inner) for inner in region.tree.links()}
    return regions


def find_form(graph: Graph, channels: Channels, scopes: Scopes = ()) -> Form | None:
    """Return the form in which a block's one output depends on its one input; None where it is no region as a whole."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.parameters:
        return None
    (_, source), (_, target) = graph.inputs[0], graph.outputs[0]
    last = next((link for link in graph.links if target in link.targets), None)
    return _Finder(graph, channels, scopes).through(last).get(source) if last is not None and _is_plain(last) else None


def _is_plain(link: Link) -> bool:
    """Return whether a link is one layer or block with one target, weights of its own, and parameters that do not depend on a block's use."""
    is_single = link.repeat is None and link.share is None and link.varied is None and len(link.targets) == 1
    return is_single and not any(references(link.parameters))


def _region(source: Node, form: Form, channels: Channels) -> Region | None:
    """Return a form as a region; None where it is no convolution, or one that is larger than what it stands for."""
    tree = form.tree
    if tree is None or form.convolutions < 1 or form.operations < 2:
        return None
    is_same = form.padding == _each_axis(lambda size: size // 2, form.size)
    grows = any(size > largest for size, largest in zip(form.size, form.largest, strict=True))
    inputs, outputs = source_channels(tree, channels), target_channels(tree, channels)
    if grows or not (is_same or form.padding == (0, 0)) or inputs is None or outputs is None:
        return None
    if math.prod(form.size) * inputs * outputs // form.groups > form.weights:
        return None
    return Region(source, form, tree, inputs, outputs)


def source_channels(tree: Tree, channels: Channels) -> int | None:
    """Return the channels of a region's source."""
    for operand in tree.operands:
        if operand is not None:
            found = source_channels(operand, channels)
        elif tree.inner is not None:
            found = source_channels(tree.inner, channels)
        else:
            found = channels.get(id(tree.link), (None, None))[0]
        if found is not None:
            return found
    return None


def target_channels(tree: Tree, channels: Channels) -> int | None:
    """Return the channels of a region's target."""
    return channels.get(id(tree.link), (None, None))[1] if tree.inner is None else target_channels(tree.inner, channels)


class _Finder:
    """Follows links upward from a target to every node that the target is a linear function of."""

    def __init__(self, graph: Graph, channels: Channels, scopes: Scopes):
        self.channels = channels
        self.scopes = (graph.blocks, *scopes)
        self.producers = {link.target: link for link in graph.links if len(link.targets) == 1}
        self.uses = [source for link in graph.links for source in link.sources] + [node for _, node in graph.outputs]

    def through(self, link: Link) -> dict[Node, Form]:
        """Return, for every possible source, the form of a link's target."""
        operands = [self._operand(node) for node in link.sources]
        sources = set(operands[0]).intersection(*operands[1:]) if operands else set()
        forms = {source: self._applied(link, [operand[source] for operand in operands]) for source in sources}
        return {source: form for source, form in forms.items() if form is not None}

    def _operand(self, node: Node) -> dict[Node, Form]:
        """Return the node itself as a source, and what it is a function of, where nothing else reads it."""
        link = self.producers.get(node)
        itself = {node: Form()}
        if link is None or self.uses.count(node) != 1 or not _is_plain(link):
            return itself
        return {**self.through(link), **itself}

    def _applied(self, link: Link, operands: Sequence[Form]) -> Form | None:
        """Return the form behind a link; None where the link is not linear, or the form does not survive it."""
        trees = tuple(operand.tree for operand in operands)
        if link.layer in MERGES and link.group != "block":
            form = _sum(operands)
            return None if form is None else replace(form, tree=Tree(link, trees))
        step = self._step(link) if len(operands) == 1 else None
        form = None if step is None else operands[0].then(step)
        return None if form is None or step is None else replace(form, tree=Tree(link, trees, step.tree))

    def _step(self, link: Link) -> Form | None:
        """Return the form of one layer or block; None where it is not linear."""
        if link.group == "block":
            block, scopes = find_block(link.layer, self.scopes)
            return find_form(block, self.channels, scopes[1:]) if isinstance(block, Graph) and not link.parameters else None
        if link.layer not in _STEPS or id(link) not in self.channels:
            return None
        return _STEPS[link.layer](link, *self.channels[id(link)])


#: Sums of sources, with signs and weights.
MERGES = ("Add", "Subtract", "Average")


def _convolution(link: Link, inputs: int, outputs: int) -> Form | None:
    given = link.parameters
    size = _size(given.get("kernel_size", 1))
    is_strided = (_size(given.get("strides", 1)), _size(given.get("dilation_rate", 1))) != ((1, 1), (1, 1))
    if size is None or size[0] % 2 == 0 or size[1] % 2 == 0 or is_strided or given.get("activation") not in (None, "linear"):
        return None
    if given.get("data_format") not in (None, "channels_last"):
        return None
    groups = inputs if link.layer == "DepthwiseConv2D" else int(given.get("groups", 1))
    return Form(
        size=size,
        padding=_each_axis(lambda side: side // 2, size) if given.get("padding", "valid") == "same" else (0, 0),
        groups=groups,
        has_bias=given.get("use_bias", True) is not False,
        weights=math.prod(size) * inputs * outputs // groups,
        convolutions=1,
        operations=1,
        largest=size,
    )


def _padding(link: Link, inputs: int, outputs: int) -> Form | None:
    zeros = _size(link.parameters.get("padding", 1))
    return None if zeros is None else Form(padding=zeros, operations=1)


def _edge_filter(link: Link, inputs: int, outputs: int) -> Form:
    return Form(size=(3, 3), groups=inputs, has_bias=True, weights=9 * inputs, convolutions=1, operations=1, largest=(3, 3))


def _normalization(link: Link, inputs: int, outputs: int) -> Form | None:
    return Form(has_bias=True, operations=1) if link.parameters.get("axis", -1) in (-1, 3) else None


def _rescaling(link: Link, inputs: int, outputs: int) -> Form:
    return Form(has_bias=link.parameters.get("offset", 0.0) not in (0, 0.0), operations=1)


def _shift(link: Link, inputs: int, outputs: int) -> Form:
    return Form(has_bias=True, operations=1)


def _scale(link: Link, inputs: int, outputs: int) -> Form:
    return Form(operations=1)


def _identity(link: Link, inputs: int, outputs: int) -> Form:
    return Form()


#: Layer -> its form, from its link and the channels of its source and target.
_STEPS = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "EdgeFilter": _edge_filter,
    "ZeroPadding2D": _padding,
    "BatchNormalization": _normalization,
    "Rescaling": _rescaling,
    "MeanShift": _shift,
    "LayerScale": _scale,
    "Identity": _identity,
    "linear": _identity,
}


def _size(value: Any) -> Size | None:
    """Return rows and columns of 3, (3, 1) or ((1, 1), (0, 0)), equal on opposite sides; None for anything else."""
    if isinstance(value, int):
        return value, value
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    rows, columns = (part[0] if isinstance(part, list | tuple) and len(set(part)) == 1 else part for part in value)
    return (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else None
