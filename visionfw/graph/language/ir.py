"""The normal form as immutable records: what every client of the dictionary language reads.

`schema` makes these from any spelling; nothing else parses a dictionary. No Keras here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from visionfw.graph.language.defaults import NOISE_LEVELS, PREDICTION_OUTPUTS

Node = int | str


@dataclass(frozen=True)
class Link:
    """One layer or block from its source nodes to its one target node.

    Attributes:
        group: 'conv', 'activation', 'norm', 'merge', 'block' or 'layer'.
        sources: the nodes it reads, in order.
        target: the node it makes.
        layer: the layer's or block's name.
        parameters: the layer's parameters, plain JSON values, defaults filled in.
        repeat: how many copies stand in series; None for a link that is not repeated.
        share: the tag under which links use the same weights; None for weights of its own.
        where: its address in the user's spelling, for messages: "conv[2] (3 -> 4)".
    """

    group: str
    sources: tuple[Node, ...]
    target: Node
    layer: str
    parameters: Mapping[str, Any]
    repeat: int | None = None
    share: str | None = None
    where: str = ""


@dataclass(frozen=True)
class Function:
    """A block that is a Python function of a list of tensors: code, so never read from JSON."""

    name: str
    call: Callable | None = None


@dataclass(frozen=True)
class Graph:
    """Links in graph order with their inputs and outputs: a whole model, or one block.

    Attributes:
        links: sorted so that every source comes before its use.
        inputs: (name, node) pairs; a block's inputs have no name and are bound to a link's sources in order.
        outputs: (name, node) pairs; a block has exactly one.
        blocks: the blocks defined here, by name.
    """

    links: tuple[Link, ...]
    inputs: tuple[tuple[str, Node], ...]
    outputs: tuple[tuple[str, Node], ...]
    blocks: Mapping[str, Graph | Function] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """One architecture: a graph and what the dictionary says about the whole.

    Attributes:
        name: the model's name.
        graph: its links.
        paper: citation or link.
        scale: declared output size / input size, or None where the run says it.
        color: 'rgb', or 'y' for a model of luma alone.
        pre_upsample: 'bicubic' where node 0 is the enlarged LR image, else None.
        shapes: shape of an input without the batch, by input name, where it is not an image of any size.
    """

    name: str
    graph: Graph
    paper: str | None = None
    scale: int | None = None
    color: str = "rgb"
    pre_upsample: str | None = None
    shapes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        """Channels of the images that the model reads and makes."""
        return 1 if self.color == "y" else 3

    @property
    def told(self) -> str | None:
        """What a diffusion model's network tells of a noisy image, from groups.PREDICTION_OUTPUTS; None for every other model."""
        inputs, outputs = ([name for name, _ in pairs] for pairs in (self.graph.inputs, self.graph.outputs))
        is_led = any(set(inputs) == {"lr", "noisy", level} for level in NOISE_LEVELS)
        return outputs[0] if is_led and len(outputs) == 1 and outputs[0] in PREDICTION_OUTPUTS else None

    def input_shape(self, name: str) -> tuple[int | None, ...]:
        """Return the shape of input `name` without its batch: (height, width, channels) unless the dictionary says otherwise."""
        return self.shapes.get(name, (None, None, self.channels))

    def enlarged_input(self) -> str | None:
        """Return the name of the input that `pre_upsample` enlarges, or None."""
        if self.pre_upsample is None:
            return None
        names = [name for name, _ in self.graph.inputs]
        return "lr" if "lr" in names else names[0]


def link_text(sources: tuple[Node, ...], target: Node) -> str:
    """Write a link's nodes as messages show them: '2, 4 -> 5'."""
    return f"{', '.join(map(str, sources))} -> {target}"


def as_json(definition: Definition) -> dict[str, Any]:
    """Return a definition as the plain dictionary that `schema.parse` reads back to the same definition."""
    normal: dict[str, Any] = {"name": definition.name}
    for key in ("paper", "scale", "color", "pre_upsample"):
        if getattr(definition, key) is not None:
            normal[key] = getattr(definition, key)
    normal["inputs"] = dict(sorted(definition.graph.inputs))
    normal["outputs"] = dict(sorted(definition.graph.outputs))
    if definition.shapes:
        normal["shapes"] = {name: list(shape) for name, shape in sorted(definition.shapes.items())}
    normal |= _graph_json(definition.graph)
    return normal


def _graph_json(graph: Graph) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if graph.blocks:
        said["blocks"] = {name: _block_json(block) for name, block in sorted(graph.blocks.items())}
    said["links"] = [_link_json(link) for link in graph.links]
    return said


def _block_json(block: Graph | Function) -> dict[str, Any]:
    if isinstance(block, Function):
        return {"function": block.name}
    return {"inputs": [node for _, node in block.inputs], "outputs": block.outputs[0][1], **_graph_json(block)}


def _link_json(link: Link) -> list[Any]:
    parameters = dict(sorted(link.parameters.items()))
    if link.repeat is not None:
        parameters["repeat"] = link.repeat
    if link.share is not None:
        parameters["share"] = link.share
    return [link.group, list(link.sources), link.target, link.layer, parameters]
