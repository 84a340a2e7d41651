"""Regions of a graph that one convolution can stand for: linear layers between one source and one target. No Keras here.

A region maps its source to `kernel * zero_padded(source) + bias`, where `*` has no padding of its own. That form survives, exactly and up to
the image's edge, a convolution without padding, a 1x1 convolution, a scale per channel and a sum. It does not survive zeros put around
what has a bias or has been convolved, because the zeros are then no longer zeros of the source: there a region ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from visionfw.graph.language.ir import Graph, Link, Node

#: Channels of the source and the target of a link, by the link's id.
Channels = Mapping[int, tuple[int, int]]
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D")


@dataclass(frozen=True)
class Tree:
    """How a region computes its target: a link of operands that are trees; None stands for the region's source."""

    link: Link
    operands: tuple[Tree | None, ...]

    def links(self) -> list[Link]:
        """Return the links of the region."""
        return [self.link, *(link for operand in self.operands if operand is not None for link in operand.links())]


@dataclass(frozen=True)
class Form:
    """What is known of a region without its weights.

    Attributes:
        size: side of its kernel.
        padding: zeros around its source.
        has_bias: its bias may be other than 0.
        weights: weights of the kernels in it.
        convolutions: convolutions in it.
        operations: links in it that compute something.
        largest: side of the largest kernel in it.
        tree: how it computes; None for the source itself.
    """

    size: int = 1
    padding: int = 0
    has_bias: bool = False
    weights: int = 0
    convolutions: int = 0
    operations: int = 0
    largest: int = 1
    tree: Tree | None = None


@dataclass(frozen=True)
class Region:
    """A region that is worth one convolution.

    Attributes:
        source: its source node.
        form: what it computes.
        tree: how.
    """

    source: Node
    form: Form
    tree: Tree


def find_regions(graph: Graph, channels: Channels) -> dict[Node, Region]:
    """Return the regions of one graph, without its blocks, by their target; none of them overlap.

    Args:
        graph: a model's graph or a block's.
        channels: those of every link that was checked.
    """
    finder = _Finder(graph, channels)
    regions: dict[Node, Region] = {}
    absorbed: set[int] = set()
    tags = {link.share for link in graph.links}
    for link in reversed(graph.links):
        if id(link) in absorbed or not _is_plain(link) or str(link.target) in tags:  # the convolution's name would be that of a shared one
            continue
        found = [Region(source, form, form.tree) for source, form in finder.through(link).items() if form.tree and _is_worth(form, channels, link)]
        if found:
            region = max(found, key=lambda one: one.form.operations)
            regions[link.target] = region
            absorbed |= {id(inner) for inner in region.tree.links()}
    return regions


def _is_plain(link: Link) -> bool:
    return link.repeat is None and link.share is None and len(link.targets) == 1 and not any(_refers(value) for value in link.parameters.values())


def _refers(value: Any) -> bool:
    """Return whether a parameter's value is a block's parameter, which is known only where the block is used."""
    return isinstance(value, str) and value.startswith("$")


def _is_worth(form: Form, channels: Channels, link: Link) -> bool:
    """Return whether one convolution is possible, and not larger than what it stands for."""
    tree = form.tree
    if tree is None or form.convolutions < 1 or form.operations < 2 or form.size > form.largest:
        return False
    if form.padding not in (0, form.size // 2):
        return False
    first = _source_channels(tree, channels)
    last = channels.get(id(link), (0, 0))[1]
    return first is not None and last > 0 and form.size**2 * first * last <= form.weights


def _source_channels(tree: Tree, channels: Channels) -> int | None:
    """Return the channels of a region's source."""
    for operand in tree.operands:
        if operand is None:
            return channels[id(tree.link)][0] if id(tree.link) in channels else None
        found = _source_channels(operand, channels)
        if found is not None:
            return found
    return None


class _Finder:
    """Follows links upward from a target to every node that the target is a linear function of."""

    def __init__(self, graph: Graph, channels: Channels):
        self.channels = channels
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
        tree = Tree(link, tuple(operand.tree for operand in operands))
        if link.layer == "Add":
            form = _sum(operands)
        elif len(operands) != 1 or link.layer not in _RULES:
            return None
        else:
            form = _RULES[link.layer](operands[0], link, self.channels.get(id(link), (0, 0)))
        return None if form is None else replace(form, tree=tree)


def _sum(operands: Sequence[Form]) -> Form | None:
    """Return the form of a sum: kernels are padded with zeros to the largest, which needs equal sizes of the results."""
    if len({2 * form.padding - form.size for form in operands}) > 1:
        return None
    widest = max(operands, key=lambda form: form.size)
    return replace(
        widest,
        has_bias=any(form.has_bias for form in operands),
        weights=sum(form.weights for form in operands),
        convolutions=sum(form.convolutions for form in operands),
        operations=sum(form.operations for form in operands) + 1,
        largest=max(form.largest for form in operands),
    )


def _convolved(form: Form, link: Link, channels: tuple[int, int]) -> Form | None:
    given = link.parameters
    side = _square(given.get("kernel_size", 1))
    strides, dilation = _square(given.get("strides", 1)), _square(given.get("dilation_rate", 1))
    if side is None or side % 2 == 0 or (strides, dilation) != (1, 1) or given.get("activation") not in (None, "linear"):
        return None
    if given.get("data_format") not in (None, "channels_last"):
        return None
    padding = form.padding
    if given.get("padding", "valid") == "same" and side > 1:
        if form.size > 1 or form.has_bias:
            return None
        padding += side // 2
    inputs, outputs = channels
    kernel = side**2 * (outputs if link.layer == "DepthwiseConv2D" else inputs * outputs // int(given.get("groups", 1)))
    return replace(
        form,
        size=form.size + side - 1,
        padding=padding,
        has_bias=form.has_bias or given.get("use_bias", True) is not False,
        weights=form.weights + kernel,
        convolutions=form.convolutions + 1,
        operations=form.operations + 1,
        largest=max(form.largest, side),
    )


def _padded(form: Form, link: Link, channels: tuple[int, int]) -> Form | None:
    zeros = _square(link.parameters.get("padding", 1))
    if zeros is None or form.size > 1 or form.has_bias:
        return None
    return replace(form, padding=form.padding + zeros, operations=form.operations + 1)


def _filtered(form: Form, link: Link, channels: tuple[int, int]) -> Form:
    return replace(
        form,
        size=form.size + 2,
        has_bias=True,
        weights=form.weights + 9 * channels[1],
        convolutions=form.convolutions + 1,
        operations=form.operations + 1,
        largest=max(form.largest, 3),
    )


def _normalized(form: Form, link: Link, channels: tuple[int, int]) -> Form | None:
    if link.parameters.get("axis", -1) not in (-1, 3):
        return None
    return replace(form, has_bias=True, operations=form.operations + 1)


def _rescaled(form: Form, link: Link, channels: tuple[int, int]) -> Form:
    has_offset = link.parameters.get("offset", 0.0) not in (0, 0.0)
    return replace(form, has_bias=form.has_bias or has_offset, operations=form.operations + 1)


def _scaled(form: Form, link: Link, channels: tuple[int, int]) -> Form:
    return replace(form, operations=form.operations + 1)


def _same(form: Form, link: Link, channels: tuple[int, int]) -> Form:
    return form


#: Layer -> the form behind it.
_RULES = {
    "Conv2D": _convolved,
    "DepthwiseConv2D": _convolved,
    "EdgeFilter": _filtered,
    "ZeroPadding2D": _padded,
    "BatchNormalization": _normalized,
    "Rescaling": _rescaled,
    "LayerScale": _scaled,
    "Identity": _same,
    "linear": _same,
}


def _square(value: Any) -> int | None:
    """Return the one number that a size is in all directions: 3, (3, 3) or ((3, 3), (3, 3)); None where they differ."""
    if isinstance(value, list | tuple):
        numbers = {_square(part) for part in value}
        return numbers.pop() if len(numbers) == 1 else None
    return value if isinstance(value, int) else None
