"""What costs are counted from: every layer, and every operation inside a block that is a Python function, at its place in the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from visionfw.graph.checking.analysis_layers import Trace
from visionfw.graph.checking.check import Checked
from visionfw.graph.checking.expand import LayerCall, TensorId
from visionfw.graph.checking.shapes import Shape, probes_for, size_multiple
from visionfw.layers.facts import is_cost_known, multiply_adds


@dataclass(frozen=True)
class LayerUse:
    """One call of one layer, for one size of image.

    Attributes:
        name: whose weights it uses.
        place: the tensor of the link that it belongs to.
        layer: a layer whose weights have shapes, or an operation.
        sources, target: identifiers of the tensors it reads and produces.
        source_shapes, shape: their shapes without the batch.
    """

    name: str
    place: TensorId
    layer: Any
    sources: tuple[Any, ...]
    target: Any
    source_shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def params(self) -> int:
        """Trainable parameters of the layer."""
        return sum(math.prod(weight.shape) for weight in getattr(self.layer, "trainable_weights", ()))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of this call."""
        return multiply_adds(self.layer, self.source_shapes, self.shape)


@dataclass(frozen=True)
class LayerUses:
    """All layer uses of a model for one output image.

    Attributes:
        uses: in graph order.
        factor: what sums over pixels are multiplied by, where the output's size is not one that the model produces.
    """

    uses: tuple[LayerUse, ...]
    factor: float

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The names of the layers and operations whose multiply-adds are not known, and count as none."""
        return tuple(sorted({type(use.layer).__name__ for use in self.uses if not is_cost_known(use.layer)}))

    @property
    def values(self) -> float:
        """How many values all layers produce together."""
        return sum(math.prod(use.shape) for use in self.uses) * self.factor


def layer_uses(checked: Checked, output: tuple[int, int]) -> LayerUses:
    """Return every layer use of a model for an output image.

    Args:
        checked: the model.
        output: height and width of the output image in pixels. Where scale or strides do not divide it, the nearest size that they do
            is looked at.
    """
    step = 1 if checked.definition.pre_upsample or not checked.scale else checked.scale
    height, width, shapes = _shapes_for(checked, *(max(1, round(size / step)) for size in output))
    uses = tuple(use for call in checked.flat.calls for use in _uses_of(call, checked, shapes))
    is_free = any(None in checked.definition.input_shape(name)[:2] for name, _ in checked.definition.graph.inputs)
    return LayerUses(uses, output[0] * output[1] / (height * width * step**2) if is_free else 1.0)


def _shapes_for(checked: Checked, height: int, width: int) -> tuple[int, int, Mapping[TensorId, Shape]]:
    """Return the nearest size of input images that the model takes, and the shapes of all tensors at it."""
    multiple = size_multiple(checked.shapes)
    rounded = [max(1, round(size / multiple)) * multiple for size in (height, width)]
    for rows, columns in ((height, width), rounded):
        shapes = checked.shapes_at(rows, columns)
        if shapes is not None:
            return rows, columns, shapes
    rows, columns = probes_for(checked.definition)[0]
    return rows, columns, {tensor: shape.at[0] for tensor, shape in checked.shapes.items()}


def _uses_of(call: LayerCall, checked: Checked, shapes: Mapping[TensorId, Shape]) -> Iterator[LayerUse]:
    sources = tuple(shapes[source] for source in call.sources)
    if call.function is not None:
        yield from _uses_inside(call, checked.layers.get_trace(call.link, call.function, sources))
        return
    layer = checked.layers.get_built(call.link, tuple(checked.shapes[source].partial for source in call.sources))
    yield LayerUse(call.name, call.target, layer, call.sources, call.target, sources, shapes[call.target])


def _uses_inside(call: LayerCall, trace: Trace) -> Iterator[LayerUse]:
    """Yield the operations inside a block that is a Python function; a layer that is used twice keeps one name."""
    tensors: dict[int, Any] = {id(tensor): source for tensor, source in zip(trace.inputs, call.sources, strict=True)}
    numbers: dict[int, int] = {}
    for operation, inputs, output in trace.steps:
        number = numbers.setdefault(id(operation), len(numbers))
        target = call.target if output is trace.output else (*call.target, ("inside", len(tensors), None))
        tensors[id(output)] = target
        shapes = tuple(tuple(tensor.shape[1:]) for tensor in inputs)
        sources = tuple(tensors[id(tensor)] for tensor in inputs)
        yield LayerUse(f"{call.name}-{number}", call.target, operation, sources, target, shapes, tuple(output.shape[1:]))
