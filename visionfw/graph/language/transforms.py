"""Changes that a run makes to a definition before it is compiled: initializers, input standardization. The result is what it records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from visionfw.graph.language.ir import Definition, Graph, Link, Node
from visionfw.layers.facts import facts_by_name


def initialized(definition: Definition, initializer: str | Mapping[str, Any]) -> Definition:
    """Return a definition whose kernels start from an initializer, except where a link names its own.

    Args:
        definition: the model's.
        initializer: as Keras names it, or its class_name and config.
    """

    def change(link: Link) -> Link:
        key = facts_by_name(link.layer).kernel_initializer
        return link if not key or key in link.parameters else replace(link, parameters={**link.parameters, key: initializer})

    return replace(definition, graph=_map_links(definition.graph, change))


def _map_links(graph: Graph, change: Callable[[Link], Link]) -> Graph:
    blocks = {name: _map_links(block, change) if isinstance(block, Graph) else block for name, block in graph.blocks.items()}
    return replace(graph, links=tuple(map(change, graph.links)), blocks=blocks)


def standardized(definition: Definition, mean: Sequence[float], deviation: Sequence[float]) -> Definition:
    """Return a definition that computes with (image - mean) / deviation and maps its output back.

    Args:
        definition: of a model with one input and an output named 'sr'.
        mean, deviation: of each channel, in the image's range of 0..1.
    """
    source = definition.graph.inputs[0][1]
    end = dict(definition.graph.outputs)["sr"]
    taken = {node for link in definition.graph.links for node in (*link.sources, *link.produced)}
    inside, back = (_free_name(name, taken) for name in ("normalized", "turned_back"))
    links = [replace(link, sources=tuple(inside if node == source else node for node in link.sources)) for link in definition.graph.links]
    forward = {"scale": [1 / value for value in deviation], "offset": [-value / spread for value, spread in zip(mean, deviation, strict=True)]}
    first = Link("layer", (source,), (inside,), "Rescaling", forward, address="--standardize_input")
    last = Link("layer", (end,), (back,), "Rescaling", {"scale": list(deviation), "offset": list(mean)}, address="--standardize_input")
    outputs = tuple((name, back if name == "sr" else node) for name, node in definition.graph.outputs)
    return replace(definition, graph=replace(definition.graph, links=(first, *links, last), outputs=outputs))


def _free_name(name: str, taken: set[Node]) -> str:
    while name in taken:
        name += "_"
    return name
