"""Shapes of every tensor of an expanded graph, before any tensor is made.

An image input of any size is tried at two sizes; two sizes make a line, so shapes can be said as people say them: 2H x 2W x 64.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from visionfw.errors import brief
from visionfw.graph.checking.expand import Call, Expanded, Place
from visionfw.graph.checking.layer_catalog import call_layer, make_layer, takes_separate_tensors
from visionfw.graph.language.ir import Definition

Shape = tuple[int, ...]
#: Heights and widths tried: multiples of 2^8 and of 3, 5, 7 (9 for widths), so that strided and windowed networks fit.
PROBES = ((26880, 32256), (53760, 64512))
MERGES = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"}
ELEMENTWISE = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}


@dataclass(frozen=True)
class SymbolicShape:
    """A tensor's shape without its batch, at both probes."""

    at: tuple[Shape, Shape]

    @property
    def channels(self) -> int:
        return self.at[0][-1]

    @property
    def is_image(self) -> bool:
        return len(self.at[0]) == 3

    def line(self, axis: int) -> tuple[Fraction, Fraction]:
        """Return slope and intercept of the size along axis 0 or 1 over the input's size."""
        (low, high), (x, y) = (self.at[0][axis], self.at[1][axis]), (PROBES[0][axis], PROBES[1][axis])
        slope = Fraction(high - low, y - x)
        return slope, low - slope * x

    def __str__(self) -> str:
        if not self.is_image:
            return " x ".join(map(str, self.at[0]))
        return " x ".join([_line_text(*self.line(0), "H"), _line_text(*self.line(1), "W"), str(self.channels)])


def _line_text(slope: Fraction, intercept: Fraction, letter: str) -> str:
    if slope == 0:
        return str(intercept)
    times = "" if slope.numerator == 1 else str(slope.numerator)
    over = "" if slope.denominator == 1 else f"/{slope.denominator}"
    return f"{times}{letter}{over}" + (f"{'+' if intercept > 0 else '-'}{abs(intercept)}" if intercept else "")


def input_shapes(definition: Definition, height: int, width: int) -> dict[str, Shape]:
    """Return every input's shape where images of any size have this one."""
    sizes = (height, width, definition.channels)
    return {name: tuple(sizes[axis] if size is None else size for axis, size in enumerate(definition.input_shape(name))) for name, _ in definition.graph.inputs}


Layers = dict[int, keras.layers.Layer]


def infer_shapes(
    expanded: Expanded, inputs: Mapping[str, Shape], layers: Layers | None = None, skipped: Container[int] = ()
) -> tuple[dict[Place, Shape | None], list[tuple[Call, str]]]:
    """Follow shapes from the inputs to every tensor.

    Args:
        expanded: the layer calls.
        inputs: shape of every input without its batch.
        layers: unbuilt layers by their link's id, kept from one call to the next (making one is most of the work).
        skipped: ids of links that have problems already.

    Returns:
        Shape without the batch by tensor (None behind a problem), and the problems: the call and what Keras says of it.
    """
    shapes: dict[Place, Shape | None] = {expanded.inputs[name]: shape for name, shape in inputs.items()}
    known: dict[tuple, Any] = {}
    layers = {} if layers is None else layers
    problems = []
    for call in expanded.calls:
        sources = tuple(shapes.get(source) for source in call.sources)
        if not call.name or None in sources or id(call.link) in skipped:
            shapes[call.target] = None
            continue
        key = (id(call.link), sources)
        if key not in known:
            try:
                known[key] = _output_shape(call, sources, layers)
            except Exception as error:
                known[key] = None
                problems.append((call, brief(error)))
        shapes[call.target] = known[key]
    return shapes, problems


def _output_shape(call: Call, sources: tuple[Shape, ...], layers: Layers) -> Shape:
    batched = [(None, *shape) for shape in sources]
    if call.function is not None:
        made = call.function([keras.KerasTensor(shape) for shape in batched], **call.link.parameters)
        if not isinstance(made, keras.KerasTensor):
            raise TypeError(f"a block's function returns one tensor, not {type(made).__name__}")
        return tuple(made.shape[1:])
    if id(call.link) not in layers:
        layers[id(call.link)] = make_layer(call.link)
    layer = layers[id(call.link)]
    several = len(batched) > 1
    try:
        if several and takes_separate_tensors(type(layer)):
            shape = layer.compute_output_shape(*batched)
        else:
            shape = layer.compute_output_shape(batched if several else batched[0])
    except NotImplementedError:
        tensors = [keras.KerasTensor(shape) for shape in batched]
        shape = call_layer(make_layer(call.link), tensors).shape
    shape = tuple(shape)[1:]
    if any(size is None or size < 1 for size in shape):
        raise ValueError("nothing is left of the image")
    return shape


def merge_problem(call: Call, shapes: Mapping[Place, SymbolicShape]) -> str | None:
    """Say why a merge's sources do not fit together, with each source's node and shape."""
    sources = [shapes[source] for source in call.sources]
    if call.link.layer in ELEMENTWISE:
        fits = _broadcast(sources, channels=call.link.layer == "Multiply")
        needs = "equal sizes and channels"
    elif call.link.layer == "Concatenate" and call.link.parameters.get("axis", -1) in (-1, 3):
        fits = len({shape.at[0][:-1] for shape in sources}) == 1
        needs = "equal sizes"
    else:
        return None
    if fits:
        return None
    said = ", ".join(f"node {node} is {shape}" for node, shape in zip(call.link.sources, sources, strict=True))
    return f"{call.link.layer} needs {needs}, but {said}"


def _broadcast(sources: list[SymbolicShape], channels: bool) -> bool:
    """Tell whether shapes are equal, or 1 x 1 x c or just c beside an image; with `channels` one channel goes with many."""
    sizes = {shape.at[0][:-1] for shape in sources if any(size != 1 for size in shape.at[0][:-1])}
    counts = {shape.channels for shape in sources} - ({1} if channels else set())
    return len(sizes) <= 1 and len(counts) <= 1
