"""The layers that checks and costs analyze: each link's layer is created once, and no weight is ever allocated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from visionfw.backend.keras_internals import without_allocation
from visionfw.graph.checking.functions import operations_between
from visionfw.graph.checking.layer_catalog import call_layer, make_layer
from visionfw.graph.language.ir import Link

#: A tensor's shape without the batch; None for a size that follows the image's.
PartialShape = tuple[int | None, ...]


class Trace(NamedTuple):
    """The operations of a block that is a Python function.

    Attributes:
        inputs, output: its source tensors and its result.
        steps: (operation, its input tensors, its output tensor), inputs before their uses.
    """

    inputs: list[keras.KerasTensor]
    output: keras.KerasTensor
    steps: list[tuple[Any, list[keras.KerasTensor], keras.KerasTensor]]


class AnalysisLayers:
    """Layers by link, kept from the first check to the last cost.

    A link in a repeated block is one link, so its copies share one layer. Links are known by identity: two links with equal
    parameters have two layers, as in the model.
    """

    def __init__(self) -> None:
        self._layers: dict[int, tuple[Link, keras.layers.Layer]] = {}
        self._built: dict[int, dict[tuple[PartialShape, ...], keras.layers.Layer]] = {}
        self._traces: dict[tuple[int, tuple[PartialShape, ...]], Trace] = {}

    def get(self, link: Link) -> keras.layers.Layer:
        """Return a link's layer, to ask about shapes. Whatever Keras raises while making it passes through."""
        if id(link) not in self._layers:
            self._layers[id(link)] = link, make_layer(link)  # with the link, so that its id stays its own
        return self._layers[id(link)][1]

    def get_built(self, link: Link, sources: tuple[PartialShape, ...]) -> keras.layers.Layer:
        """Return a link's layer with weights that have shapes but no values.

        Args:
            link: the link.
            sources: the shapes of its sources. A link whose block is used on other numbers of channels has another layer for each,
                unless its layer has no weights.
        """
        built = self._built.setdefault(id(link), {})
        if sources not in built:
            other = next(iter(built.values()), None)
            if other is not None and not other.weights:
                return other
            layer = self.get(link) if other is None else make_layer(link)
            build_unallocated(layer, [(None, *shape) for shape in sources])
            built[sources] = layer
        return built[sources]

    def get_trace(self, link: Link, function: Callable, sources: tuple[PartialShape, ...]) -> Trace:
        """Return what happens inside a link's block that is a Python function, on sources of some shapes."""
        key = (id(link), sources)
        if key not in self._traces:
            inputs = [keras.KerasTensor((None, *shape)) for shape in sources]
            with without_allocation():
                output = function(inputs, **link.parameters)
            self._traces[key] = Trace(inputs, output, list(operations_between(inputs, output)))
        return self._traces[key]


def build_unallocated(layer: keras.layers.Layer, batched: list[tuple]) -> keras.KerasTensor:
    """Call a layer on sources of some shapes, giving its weights shapes but no values; return the symbolic output."""
    with without_allocation():
        return call_layer(layer, [keras.KerasTensor(shape) for shape in batched])
