"""How far a compiled model sees: what enlarging an image in tiles needs to know."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from visionfw.errors import RequestError
from visionfw.graph.analysis.cost import step_of
from visionfw.graph.checking.functions import operations_between

_BYTES = 4  # of a float32
_WORKSPACE = 1.5  # what a backend holds beside the tensors that are in use


@dataclass(frozen=True)
class ReceptiveField:
    """A model's view of its input.

    Attributes:
        halo: LR pixels on each side that an output pixel can depend on; None where that is the whole image.
        multiple: image sides must be multiples of this (strides).
        step: places at which a tile may begin are multiples of this (strides, windows).
        scale: SR size / LR size.
        bytes_per_pixel: memory that a forward pass takes for each LR pixel, about.
    """

    halo: int | None
    multiple: int
    step: int
    scale: Fraction
    bytes_per_pixel: int


@dataclass(frozen=True)
class _View:
    """What a sample p of a tensor reads of the image along an axis: from p x jump + low to p x jump + high."""

    jump: Fraction = Fraction(1)
    low: float = 0.0
    high: float = 0.0

    def through(self, stride: Fraction, low: float, high: float) -> _View:
        """Return the view through an operation whose sample p reads its input from p x stride + low to p x stride + high."""
        return _View(self.jump * stride, self.low + low * self.jump, self.high + high * self.jump)


def receptive_field_of(model: keras.Model) -> ReceptiveField:
    """Follow a model's graph from its one image to 'sr'. Raises RequestError for a model with several inputs."""
    if len(model.inputs) != 1:
        raise RequestError(f"a model with several inputs ({', '.join(tensor.name for tensor in model.inputs)}) cannot enlarge a single image")
    made = model.output["sr"] if isinstance(model.output, dict) else model.output
    seen: dict[int, tuple[_View, _View]] = {id(model.inputs[0]): (_View(), _View())}
    steps, multiple, step = _follow(model, made, seen)
    ends = seen[id(made)]
    halo = max(max(-view.low, view.high, 0.0) for view in ends)
    scale = 1 / ends[0].jump
    return ReceptiveField(None if math.isinf(halo) else math.ceil(halo), multiple, math.lcm(multiple, step), scale, _live_bytes(model.inputs[0], steps, seen))


def side_multiple(model: keras.Model, scale: int) -> int:
    """Return what the sides of LR images must be multiples of, so that every stride falls on whole pixels.

    Args:
        model: of one image, or a diffusion model's network, whose 'noisy' image is `scale` times as large as 'lr'.
        scale: SR size / LR size.
    """
    if not isinstance(model.input, dict):
        return receptive_field_of(model).multiple
    jumps = {name: Fraction(scale if name == "lr" else 1) for name in model.input}
    seen = {id(tensor): (_View(jumps[name]), _View(jumps[name])) for name, tensor in model.input.items()}
    _, multiple, _ = _follow(model, model.output, seen)
    return multiple // math.gcd(multiple, scale)


def _follow(model: keras.Model, made: Any, seen: dict[int, tuple[_View, _View]]) -> tuple[list, int, int]:
    """Follow a model's graph to one of its tensors, noting every tensor's view; return its operations, `multiple` and `step` as Reach has them."""
    steps = list(operations_between(model.inputs, made))
    multiple = step = 1
    for operation, given, tensor in steps:
        before = [_joined([seen[id(source)][axis] for source in given]) for axis in (0, 1)]
        views = tuple(view.through(*_reads(operation, given, tensor, axis)) for axis, view in enumerate(before))
        seen[id(tensor)] = views
        multiple = math.lcm(multiple, *(view.jump.numerator for view in views))
        if hasattr(operation, "alignment"):
            step = math.lcm(step, *((view.jump * operation.alignment()).numerator for view in before))
    return steps, multiple, step


def _joined(views: list[_View]) -> _View:
    """Return the view of what is made of several tensors; all of the image where they are of different sizes."""
    if not views:
        return _View()
    jump = max(view.jump for view in views)
    if any(view.jump != jump for view in views):
        return _View(jump, -math.inf, math.inf)
    return _View(jump, min(view.low for view in views), max(view.high for view in views))


def _reads(operation: Any, given: list, tensor: Any, axis: int) -> tuple[Fraction, float, float]:
    """Return what an operation's sample p reads of its input along an axis: (stride, low, high), see `_View`."""
    shapes = tuple(tuple(source.shape[1:]) for source in given)
    everything = (Fraction(1), -math.inf, math.inf)
    was_image = any(len(shape) == 3 and shape[axis] is None for shape in shapes)
    if was_image and not (len(tensor.shape) == 4 and tensor.shape[1 + axis] is None):
        return everything
    kinds, kind = keras.layers, type(operation).__name__
    if isinstance(operation, kinds.ZeroPadding2D | kinds.Cropping2D):
        sides = operation.padding if kind == "ZeroPadding2D" else [[-one for one in pair] for pair in operation.cropping]
        return Fraction(1), -sides[axis][0], -sides[axis][0]
    if kind in ("ReplicatePadding", "ReflectPadding"):
        return Fraction(1), -sum(operation.padding[axis]), sum(operation.padding[axis])
    taps, stride = step_of(operation, shapes, axis)
    if math.isinf(taps):
        return everything
    if isinstance(operation, kinds.Conv2DTranspose):
        kernel, wide = operation.kernel_size[axis], operation.strides[axis]
        cropped = max(kernel - wide, 0) // 2 if operation.padding == "same" else 0
        return stride, -(kernel - 1 - cropped) / wide, cropped / wide
    if stride < 1:  # an enlargement: p lies at a part of an input sample, among the taps around it
        around = 0.0 if taps == 1 else taps / 2 + 0.5
        return stride, -around - float(1 - stride), around
    padded = max(taps - stride, 0) // 2 if getattr(operation, "padding", "same") == "same" else 0
    return (stride, -float(padded), float(taps - 1 - padded)) if not hasattr(operation, "receptive_step") else (stride, -(taps - 1) / 2, (taps - 1) / 2)


def _live_bytes(first: Any, steps: list, seen: dict[int, tuple[_View, _View]]) -> int:
    """Return the bytes for each LR pixel of all tensors that are needed at a time, where it is most."""

    def size(tensor: Any) -> float:
        is_image = len(tensor.shape) == 4 and tensor.shape[1] is None
        return tensor.shape[-1] * _BYTES / float(seen[id(tensor)][0].jump) ** 2 if is_image else 0.0

    uses = Counter(id(source) for _, given, _ in steps for source in given)
    live = most = size(first)
    for _, given, tensor in steps:
        live += size(tensor)
        most = max(most, live)
        for source in given:
            uses[id(source)] -= 1
            live -= size(source) if uses[id(source)] == 0 else 0.0
    return math.ceil(most * _WORKSPACE)
