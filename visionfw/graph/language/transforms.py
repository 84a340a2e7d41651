"""Definitions that a run changes before they are compiled: other first weights, input normalization. What they return is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from visionfw.graph.language.ir import Definition, Graph, Link, Node

_KERNELS = {"Conv2D": "kernel_initializer", "SpectralConv2D": "kernel_initializer", "Conv2DTranspose": "kernel_initializer", "Dense": "kernel_initializer"}
_KERNELS |= {"DepthwiseConv2D": "depthwise_initializer"}


def initialized(definition: Definition, initializer: str | Mapping[str, Any]) -> Definition:
    """Return a definition whose kernels start from an initializer, unless a link says its own.

    Args:
        definition: the model's.
        initializer: as Keras names it, or its class_name and config.
    """

    def change(link: Link) -> Link:
        key = _KERNELS.get(link.layer)
        return link if key is None or key in link.parameters else replace(link, parameters={**link.parameters, key: initializer})

    return replace(definition, graph=_changed(definition.graph, change))


def _changed(graph: Graph, change: Callable[[Link], Link]) -> Graph:
    blocks = {name: _changed(block, change) if isinstance(block, Graph) else block for name, block in graph.blocks.items()}
    return replace(graph, links=tuple(map(change, graph.links)), blocks=blocks)


def standardized(definition: Definition, mean: Sequence[float], deviation: Sequence[float]) -> Definition:
    """Return a definition that computes with (image - mean) / deviation, and turns its output back.

    Args:
        definition: of a model of one input and an output named 'sr'.
        mean, deviation: of each channel, in the image's range of 0..1.
    """
    entry = definition.graph.inputs[0][1]
    end = dict(definition.graph.outputs)["sr"]
    taken = {node for link in definition.graph.links for node in (*link.sources, link.target)}
    inside, back = (_free(name, taken) for name in ("normalized", "turned_back"))
    links = [replace(link, sources=tuple(inside if node == entry else node for node in link.sources)) for link in definition.graph.links]
    before = {"scale": [1 / value for value in deviation], "offset": [-value / spread for value, spread in zip(mean, deviation, strict=True)]}
    first = Link("layer", (entry,), inside, "Rescaling", before, where="--standardize_input")
    last = Link("layer", (end,), back, "Rescaling", {"scale": list(deviation), "offset": list(mean)}, where="--standardize_input")
    outputs = tuple((name, back if name == "sr" else node) for name, node in definition.graph.outputs)
    return replace(definition, graph=replace(definition.graph, links=(first, *links, last), outputs=outputs))


def _free(name: str, taken: set[Node]) -> str:
    while name in taken:
        name += "_"
    return name
