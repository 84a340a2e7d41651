"""The canonical form of a model as immutable records: what every client of the dictionary language reads.

`parser` makes them from any spelling; nothing else reads a dictionary. No Keras here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from visionfw.graph.language.defaults import EDGES, NOISE_LEVELS, PREDICTION_OUTPUTS

Node = int | str


@dataclass(frozen=True)
class Link:
    """One layer or block from its source nodes to its target node; a block of several outputs has as many targets.

    Attributes:
        group: 'conv', 'activation', 'norm', 'merge', 'block' or 'layer'.
        sources: the nodes it reads, in order.
        targets: the nodes it produces, one for each output of a block; None for an output that is not used.
        layer: the name of the layer or block; "" where the dictionary names none that there is, which is a problem.
        parameters: the layer's parameters, plain JSON values, defaults filled in.
        repeat: how many copies stand in series; None for a link that is not repeated, "$NAME" in a block where a parameter says it.
        varied: parameters that each copy has beside `parameters`, where they differ.
        share: the tag under which links use the same weights; None for weights of its own.
        address: where it stands in the user's dictionary, for messages: "conv[2] (3 -> 4)".
        written: the link of the definition that this one was made from by filling in parameters of blocks and copies; None for that one.
    """

    group: str
    sources: tuple[Node, ...]
    targets: tuple[Node | None, ...]
    layer: str
    parameters: Mapping[str, Any]
    repeat: int | str | None = None
    share: str | None = None
    address: str = ""
    varied: tuple[Mapping[str, Any], ...] | None = None
    written: Link | None = field(default=None, compare=False, repr=False)

    @property
    def target(self) -> Node:
        """The first node that it produces, after which its layers are named."""
        return self.produced[0]

    @property
    def produced(self) -> tuple[Node, ...]:
        """The nodes that it produces."""
        return tuple(node for node in self.targets if node is not None)

    @property
    def text(self) -> str:
        """Its nodes as messages show them: '2, 4 -> 5'."""
        return link_text(self.sources, self.targets)

    @property
    def copies(self) -> Sequence[int | None]:
        """The numbers of its copies; (None,) for a link that is not repeated."""
        return range(self.repeat) if isinstance(self.repeat, int) else (None,)

    @property
    def as_written(self) -> Link:
        """The link of the definition that this one comes from."""
        return self.written or self


@dataclass(frozen=True)
class FunctionBlock:
    """A block that is a Python function of a list of tensors.

    Attributes:
        name: what links call it.
        call: the function; None where the dictionary came from JSON and the caller did not pass it.
    """

    name: str
    call: Callable | None = None


@dataclass(frozen=True)
class Graph:
    """Links in graph order with their inputs and outputs: a whole model, or one block.

    Attributes:
        links: sorted so that every source comes before its use.
        inputs: (name, node) pairs; a block's inputs have no name and are bound to a link's sources in order.
        outputs: (name, node) pairs; those of a block are bound to a link's targets in order.
        blocks: the blocks defined here, by name.
        parameters: a block's parameters with their defaults, to which values "$NAME" inside refer.
    """

    links: tuple[Link, ...]
    inputs: tuple[tuple[str, Node], ...]
    outputs: tuple[tuple[str, Node], ...]
    blocks: Mapping[str, Graph | FunctionBlock] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


#: The blocks that a link sees: those of its own graph, then those of each graph around it.
Scopes = tuple[Mapping[str, Graph | FunctionBlock], ...]


def find_block(name: str, scopes: Scopes) -> tuple[Graph | FunctionBlock | None, Scopes]:
    """Look up a block among those defined here and around; return it and the scopes that its own links see."""
    for depth, scope in enumerate(scopes):
        if name in scope:
            block = scope[name]
            return block, (block.blocks, *scopes[depth:]) if isinstance(block, Graph) else scopes
    return None, scopes


@dataclass(frozen=True)
class Definition:
    """One architecture: a graph and what the dictionary says about the model as a whole.

    Attributes:
        name: the model's name.
        graph: its links.
        paper: citation or link.
        scale: declared output size / input size, or None where the run decides.
        color: 'rgb', or 'y' for a model of luma alone.
        pre_upsample: 'bicubic' where the model reads the upscaled LR image, else None.
        multiple: what the sides of the images that node 0 and other image inputs hold are padded to, and the outputs cropped back from;
            None where the dictionary leaves it open.
        edge: how the padding continues the image: 'reflect', 'symmetric', 'replicate' or 'zeros'.
        shapes: shape of an input without the batch, by input name, where it is not an image of any size.
        origin: {"model": name or file, "arguments": {...}} of the function that returned the dictionary; None where nothing returned it.
    """

    name: str
    graph: Graph
    paper: str | None = None
    scale: int | None = None
    color: str = "rgb"
    pre_upsample: str | None = None
    multiple: int | None = None
    edge: str = EDGES[0]
    shapes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None

    @property
    def channels(self) -> int:
        """Channels of the model's input and output images."""
        return 1 if self.color == "y" else 3

    @property
    def prediction_type(self) -> str | None:
        """What a diffusion model's network predicts, 'epsilon' or 'v'; None for any other model."""
        inputs, outputs = ([name for name, _ in pairs] for pairs in (self.graph.inputs, self.graph.outputs))
        is_conditional = any(set(inputs) == {"lr", "noisy", level} for level in NOISE_LEVELS)
        return PREDICTION_OUTPUTS.get(outputs[0]) if is_conditional and len(outputs) == 1 else None

    def input_shape(self, name: str) -> tuple[int | None, ...]:
        """Return the shape of an input without the batch: (height, width, channels) unless the dictionary says otherwise."""
        return self.shapes.get(name, (None, None, self.channels))

    @property
    def padded_inputs(self) -> tuple[str, ...]:
        """The names of the inputs that are images of any size, and so are padded to `multiple`; 'lr' stands first."""
        if (self.multiple or 1) == 1:
            return ()
        names = [name for name, _ in self.graph.inputs if self.is_free_image(name)]
        return tuple(sorted(names, key=lambda name: name != "lr"))

    def is_free_image(self, name: str) -> bool:
        """Return whether an input is an image of any height and width."""
        shape = self.input_shape(name)
        return len(shape) == 3 and shape[:2] == (None, None)

    def upscaled_input(self) -> str | None:
        """Return the name of the input that `pre_upsample` upscales, or None."""
        if self.pre_upsample is None:
            return None
        names = [name for name, _ in self.graph.inputs]
        return "lr" if "lr" in names else names[0]


def link_text(sources: Sequence[Node], targets: Sequence[Node | None]) -> str:
    """Write a link's nodes as messages show them: '2, 4 -> 5'."""
    return f"{', '.join(map(str, sources))} -> {', '.join(map(str, targets))}"


def _one_or_list(nodes: Sequence[Node | None]) -> Any:
    return nodes[0] if len(nodes) == 1 else list(nodes)


def to_dictionary(definition: Definition) -> dict[str, Any]:
    """Return a definition as the canonical dictionary, plain JSON, which `parser.parse` reads back to the same definition."""
    canonical: dict[str, Any] = {"name": definition.name}
    for key in ("paper", "scale", "color", "pre_upsample", "origin"):
        if getattr(definition, key) is not None:
            canonical[key] = getattr(definition, key)
    if definition.multiple is not None:
        canonical |= {"multiple": definition.multiple, "edge": definition.edge}
    canonical["inputs"] = dict(sorted(definition.graph.inputs))
    canonical["outputs"] = dict(sorted(definition.graph.outputs))
    if definition.shapes:
        canonical["shapes"] = {name: list(shape) for name, shape in sorted(definition.shapes.items())}
    return canonical | _graph_dictionary(definition.graph)


def _graph_dictionary(graph: Graph) -> dict[str, Any]:
    dictionary: dict[str, Any] = {}
    if graph.blocks:
        dictionary["blocks"] = {name: _block_dictionary(block) for name, block in sorted(graph.blocks.items())}
    dictionary["links"] = [_link_list(link) for link in graph.links]
    return dictionary


def _block_dictionary(block: Graph | FunctionBlock) -> dict[str, Any]:
    if isinstance(block, FunctionBlock):
        return {"function": block.name}
    parameters = {"parameters": dict(sorted(block.parameters.items()))} if block.parameters else {}
    return {
        **parameters,
        "inputs": [node for _, node in block.inputs],
        "outputs": _one_or_list([node for _, node in block.outputs]),
        **_graph_dictionary(block),
    }


def _link_list(link: Link) -> list[Any]:
    parameters = dict(sorted(link.parameters.items()))
    if link.repeat is not None:
        parameters["repeat"] = link.repeat if link.varied is None else [dict(sorted(varied.items())) for varied in link.varied]
    if link.share is not None:
        parameters["share"] = link.share
    return [link.group, list(link.sources), _one_or_list(link.targets), link.layer, parameters]
