"""Receptive fields: of a dictionary, for its table; and of a compiled model, which upscaling in tiles needs to know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from visionfw.errors import RequestError
from visionfw.graph.analysis.layer_uses import LayerUse
from visionfw.graph.analysis.memory import ForwardMemory, forward_memory
from visionfw.graph.checking.check import Checked
from visionfw.graph.checking.functions import operations_between
from visionfw.layers.facts import has_size_of_last, receptive_window, value_sources
from visionfw.layers.windows import WHOLE_IMAGE, Window
from visionfw.numerics import Tensor

_TRIED_SIDE = 64  # multiples of the strides: large enough for every layer
_MEMORY_SIDE = 48  # LR pixels, about, of the image for which memory is forecast

# --- of a dictionary ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Field:
    """What a sample of a tensor reads of the input along an axis: how many samples, and how far neighboring ones lie apart."""

    side: float = 1.0
    jump: Fraction = Fraction(1)

    def through(self, window: Window) -> _Field:
        side = math.inf if math.inf in (window.taps, self.side) else self.side + (window.taps - 1) * self.jump
        return _Field(side, self.jump * window.stride)

    def at_size_of(self, other: _Field) -> _Field:
        """Return the field of what is resized to another tensor's size."""
        return _Field(self.side, other.jump)


def receptive_side(checked: Checked, uses: Sequence[LayerUse]) -> float:
    """Follow the receptive field from the inputs to the outputs.

    An upper bound: where branches of different fields meet the larger one counts, and a layer that is not known reads everything.

    Args:
        checked: the model.
        uses: its layer uses in graph order.

    Returns:
        The side of the square in input pixels; math.inf for the whole image.
    """
    start = (_Field(), _Field())
    fields: dict[Any, tuple[_Field, _Field]] = {tensor: start for tensor in checked.flat.inputs.values()}
    for use in uses:
        read = [fields[source] for source in use.sources[: value_sources(use.layer)]] or [start]
        rows, columns = (
            max((pair[axis] for pair in read), key=lambda field: field.side).through(receptive_window(use.layer, use.source_shapes, axis)) for axis in (0, 1)
        )
        if has_size_of_last(use.layer):
            rows, columns = (field.at_size_of(fields[use.sources[-1]][axis]) for axis, field in enumerate((rows, columns)))
        fields[use.target] = rows, columns
    side = max(field.side for tensor in checked.flat.outputs.values() for field in fields[tensor])
    return side if math.isinf(side) else math.ceil(side)


# --- of a compiled model -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReceptiveField:
    """What one output pixel of a compiled model depends on, and where its tiles may lie.

    Attributes:
        overlap: LR pixels on each side that an output pixel can depend on; None where that is the whole image.
        multiple: image sides must be multiples of this: of what strides need, or 1 where the model takes any side.
        step: places at which a tile may begin are multiples of this (strides, windows).
        scale: SR size / LR size.
        memory: what a forward pass takes, approximately.
    """

    overlap: int | None
    multiple: int
    step: int
    scale: Fraction
    memory: ForwardMemory


@dataclass(frozen=True)
class _View:
    """What sample p of a tensor reads of the image along an axis: from p x jump + low to p x jump + high."""

    jump: Fraction = Fraction(1)
    low: float = 0.0
    high: float = 0.0

    def through(self, window: Window) -> _View:
        return _View(self.jump * window.stride, self.low + window.low * self.jump, self.high + window.high * self.jump)

    def at_size_of(self, other: _View) -> _View:
        """Return the view of what is resized to another tensor's size."""
        return _View(other.jump, self.low, self.high)


#: Views by the id of their tensor: along rows and columns.
_Views = dict[int, tuple[_View, _View]]


@dataclass(frozen=True)
class _Walk:
    """A model's operations in order, and what `ReceptiveField` says of sides and tiles."""

    steps: list[tuple[Any, list[Tensor], Tensor]]
    multiple: int
    step: int


def receptive_field_of(model: keras.Model) -> ReceptiveField:
    """Return the receptive field of a compiled model, from its one image to its output 'sr'.

    Raises:
        RequestError: the model has several inputs.
    """
    if len(model.inputs) != 1:
        raise RequestError(f"a model with several inputs ({', '.join(tensor.name for tensor in model.inputs)}) cannot upscale a single image")
    output = model.output["sr"] if isinstance(model.output, dict) else model.output
    views: _Views = {id(model.inputs[0]): (_View(), _View())}
    walk = _walk(model, output, views)
    ends = views[id(output)]
    scale = 1 / ends[0].jump
    overlap = max(max(-view.low, view.high, 0.0) for view in ends)
    return ReceptiveField(
        overlap=None if math.isinf(overlap) else math.ceil(overlap),
        multiple=1 if _takes_any_side(model, walk.multiple, scale) else walk.multiple,
        step=math.lcm(walk.multiple, walk.step),
        scale=scale,
        memory=_memory(model, walk.steps, views, math.lcm(walk.multiple, walk.step)),
    )


def _takes_any_side(model: keras.Model, multiple: int, scale: Fraction) -> bool:
    """Return whether a model's output has the right size where its strides do not divide the image: it pads and crops, or resizes."""
    whole = multiple * _TRIED_SIDE
    return all(_output_side(model, whole + more) == scale * (whole + more) for more in sorted({1, multiple // 2, multiple - 1} - {0}))


def _output_side(model: keras.Model, side: int) -> int | None:
    """Return the height of a model's output for a square image; None where it does not take one of this side."""
    try:
        shape = model.compute_output_shape((1, side, side, model.input_shape[-1]))
    except Exception:  # whatever layers raise whose sources do not fit
        return None
    return (shape["sr"] if isinstance(shape, dict) else shape)[1]


def side_multiple(model: keras.Model, scale: int) -> int:
    """Return what the sides of LR images must be multiples of, so that every stride falls on whole pixels.

    Args:
        model: of one image, or a diffusion model's network, whose 'noisy' image is `scale` times as large as 'lr'.
        scale: SR size / LR size.
    """
    if not isinstance(model.input, dict):
        return receptive_field_of(model).multiple
    jumps = {name: Fraction(scale if name == "lr" else 1) for name in model.input}
    views: _Views = {id(tensor): (_View(jumps[name]), _View(jumps[name])) for name, tensor in model.input.items()}
    multiple = _walk(model, model.output, views).multiple
    return multiple // math.gcd(multiple, scale)


def _walk(model: keras.Model, output: Tensor, views: _Views) -> _Walk:
    """Follow a model's graph from its inputs to a tensor, entering every tensor's views."""
    steps = list(operations_between(model.inputs, output))
    multiple = step = 1
    for operation, inputs, tensor in steps:
        read = inputs[: value_sources(operation)]
        before = [_joined([views[id(source)][axis] for source in read]) for axis in (0, 1)]
        rows, columns = (view.through(_window(operation, inputs, tensor, axis)) for axis, view in enumerate(before))
        if has_size_of_last(operation):
            rows, columns = (view.at_size_of(views[id(inputs[-1])][axis]) for axis, view in enumerate((rows, columns)))
        views[id(tensor)] = rows, columns
        multiple = math.lcm(multiple, rows.jump.numerator, columns.jump.numerator)
        if hasattr(operation, "alignment"):
            step = math.lcm(step, *((view.jump * operation.alignment()).numerator for view in before))
    return _Walk(steps, multiple, step)


def _joined(views: list[_View]) -> _View:
    """Return the view of an operation's sources together; the whole image where they are of different sizes."""
    if not views:
        return _View()
    jump = max(view.jump for view in views)
    if any(view.jump != jump for view in views):
        return _View(jump, -math.inf, math.inf)
    return _View(jump, min(view.low for view in views), max(view.high for view in views))


def _window(operation: Any, inputs: list[Tensor], output: Tensor, axis: int) -> Window:
    """Return what an operation's output reads of its inputs along an axis."""
    shapes = tuple(tuple(source.shape[1:]) for source in inputs)
    reads_image = any(len(shape) == 3 and shape[axis] is None for shape in shapes)
    makes_image = len(output.shape) == 4 and output.shape[1 + axis] is None
    return WHOLE_IMAGE if reads_image and not makes_image else receptive_window(operation, shapes, axis)


def _memory(model: keras.Model, steps: list[tuple[Any, list[Tensor], Tensor]], views: _Views, multiple: int) -> ForwardMemory:
    """Return what a forward pass takes; sizes follow from the strides, and tensors of other shapes than images' are not counted."""

    def shape_at(tensor: Tensor, side: int) -> tuple[int, ...]:
        sizes = tuple(tensor.shape[1:])
        if len(sizes) != 3:
            return (1, *(size or 0 for size in sizes))
        jumps = (view.jump for view in views[id(tensor)])
        return (1, *(max(1, round(side / jump)) if size is None else size for size, jump in zip(sizes, jumps, strict=False)), sizes[-1])

    return forward_memory(model.inputs[0], steps, shape_at, -(-_MEMORY_SIDE // multiple) * multiple)
