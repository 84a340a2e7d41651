"""How far a compiled model sees: what enlarging an image in tiles needs to know."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras

from visionfw.errors import RequestError
from visionfw.graph.cost import step_of
from visionfw.graph.functions import operations_between

_BYTES = 4  # of a float32
_WORKSPACE = 1.5  # what a backend holds beside the tensors that are in use


@dataclass(frozen=True)
class Reach:
    """A model's view of its input.

    Attributes:
        halo: LR pixels on each side that an output pixel can depend on; None where that is the whole image.
        step: places at which a tile may begin are multiples of this (strides, windows).
        scale: SR size / LR size.
        bytes_per_pixel: memory that a forward pass takes for each LR pixel, about.
    """

    halo: int | None
    step: int
    scale: Fraction
    bytes_per_pixel: int


def reach_of(model: keras.Model) -> Reach:
    """Follow a model's graph from its one image to 'sr'. Raises RequestError for a model with several inputs."""
    if len(model.inputs) != 1:
        raise RequestError(f"a model with several inputs ({', '.join(tensor.name for tensor in model.inputs)}) cannot enlarge a single image")
    made = model.output["sr"] if isinstance(model.output, dict) else model.output
    steps = list(operations_between(model.inputs, made))
    seen: dict[int, tuple[float, Fraction]] = {id(model.inputs[0]): (0.0, Fraction(1))}
    align = 1
    for operation, given, tensor in steps:
        sides = [max((seen[id(source)][0] for source in given), default=0.0), max((seen[id(source)][1] for source in given), default=Fraction(1))]
        taps, stride = _taps(operation, given, tensor)
        align = math.lcm(align, math.ceil(sides[1] * max(stride, 1)) * (operation.alignment() if hasattr(operation, "alignment") else 1))
        around = math.inf if math.isinf(taps) else math.ceil((taps - 1) / 2) + max(0, stride - 1)  # a stride's taps need not lie evenly
        seen[id(tensor)] = (math.inf if math.inf in (around, sides[0]) else sides[0] + around * sides[1], sides[1] * stride)
    halo, jump = seen[id(made)]
    return Reach(None if math.isinf(halo) else math.ceil(halo), align, 1 / jump, _live_bytes(model.inputs[0], steps, seen))


def _taps(operation: Any, given: list, tensor: Any) -> tuple[float, Fraction]:
    """Return what `step_of` says of the wider axis; all of the image where an operation leaves none of its axes."""
    shapes = tuple(tuple(source.shape[1:]) for source in given)
    was_image = any(len(shape) == 3 and shape[0] is None for shape in shapes)
    is_image = len(tensor.shape) == 4 and tensor.shape[1] is None
    if was_image and not is_image:
        return math.inf, Fraction(1)
    pairs = [step_of(operation, shapes, axis) for axis in (0, 1)]
    return max(taps for taps, _ in pairs), pairs[0][1]


def _live_bytes(first: Any, steps: list, seen: dict[int, tuple[float, Fraction]]) -> int:
    """Return the bytes for each LR pixel of all tensors that are needed at a time, where it is most."""

    def size(tensor: Any) -> float:
        is_image = len(tensor.shape) == 4 and tensor.shape[1] is None
        return tensor.shape[-1] * _BYTES / float(seen[id(tensor)][1]) ** 2 if is_image else 0.0

    uses = Counter(id(source) for _, given, _ in steps for source in given)
    live = most = size(first)
    for _, given, tensor in steps:
        live += size(tensor)
        most = max(most, live)
        for source in given:
            uses[id(source)] -= 1
            live -= size(source) if uses[id(source)] == 0 else 0.0
    return math.ceil(most * _WORKSPACE)
