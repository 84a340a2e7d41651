"""The memory of a compiled model's forward pass: of the tensors between its layers, and of those inside the layers that are not Keras' own."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras

from visionfw.backend import backend_name
from visionfw.backend.keras_internals import without_allocation
from visionfw.graph.checking.functions import operations_between
from visionfw.numerics import Tensor

_FLOAT32_BYTES = 4
_WORKSPACE = 1.5  # what a backend holds beside the tensors in use, as a factor on them
#: Operations that return their source in another shape, without a copy.
_VIEWS = ("Reshape", "ExpandDims", "Squeeze")

#: A tensor's shape with the batch; every size is known.
Shape = tuple[int, ...]
#: An operation, its input tensors and its output tensor.
Step = tuple[Any, list[Tensor], Tensor]


@dataclass(frozen=True)
class ForwardMemory:
    """What a forward pass takes: `linear` bytes for each LR pixel, and `quadratic` for each pair of pixels (attention among all of them)."""

    linear: float
    quadratic: float = 0.0

    def bytes_for(self, pixels: float) -> float:
        """Return the bytes for so many LR pixels."""
        return pixels * (self.linear + self.quadratic * pixels)

    def pixels_within(self, budget: float) -> float:
        """Return for how many LR pixels a budget of bytes suffices."""
        if not self.quadratic:
            return budget / self.linear
        return (math.sqrt(self.linear**2 + 4 * self.quadratic * budget) - self.linear) / (2 * self.quadratic)

    def __mul__(self, factor: float) -> ForwardMemory:
        return ForwardMemory(self.linear * factor, self.quadratic * factor)


def forward_memory(image: Tensor, steps: Sequence[Step], shape_at: Callable[..., Shape], side: int) -> ForwardMemory:
    """Forecast the memory of a forward pass from the tensors that are needed at one time.

    Args:
        image: the model's input.
        steps: its operations in order.
        shape_at: returns the shape of one of its tensors for a square image of a `side`.
        side: that the model's strides divide; it and its double are looked at.
    """
    inside = _InsideLayers()
    low, high = (peak_bytes(image, steps, partial(shape_at, side=each), inside) for each in (side, 2 * side))
    pixels = side**2
    quadratic = max(0.0, (high / (4 * pixels) - low / pixels) / (3 * pixels))
    if quadratic * pixels < 0.01 * low / pixels:  # rounding of sizes
        quadratic = 0.0
    return ForwardMemory(low / pixels - quadratic * pixels, quadratic) * _WORKSPACE


def peak_bytes(image: Tensor, steps: Sequence[Step], shape_of: Callable[[Tensor], Shape], inside: _InsideLayers) -> float:
    """Return the largest number of bytes of the tensors that are needed at one time.

    On PyTorch, where Keras runs a model operation by operation, it holds the output of each until the last one is done.
    """
    is_kept = backend_name() == "torch"

    def size(tensor: Tensor) -> int:
        return math.prod(shape_of(tensor)) * _FLOAT32_BYTES

    uses = Counter(id(source) for _, inputs, _ in steps for source in inputs)
    live = size(image)
    peak = float(live)
    for operation, inputs, output in steps:
        peak = max(peak, live + max(size(output), inside.bytes_of(operation, [shape_of(source) for source in inputs])))
        live += size(output)
        for source in inputs:
            uses[id(source)] -= 1
            live -= size(source) if uses[id(source)] == 0 and not is_kept else 0
    return peak


@dataclass
class _InsideLayers:
    """The peaks inside layers, each found once for a layer's class, configuration and sources."""

    known: dict[Hashable, float] = field(default_factory=dict)

    def bytes_of(self, operation: Any, shapes: list[Shape]) -> float:
        """Return the peak of the tensors that a call of a layer makes, its output among them; 0 for Keras' own."""
        if not isinstance(operation, keras.layers.Layer) or type(operation).__module__.partition(".")[0] == "keras":
            return 0.0
        config = {key: value for key, value in operation.get_config().items() if key != "name"}
        key = type(operation), json.dumps(config, default=str, sort_keys=True), tuple(shapes)
        if key not in self.known:
            self.known[key] = _traced_peak(operation, shapes)
        return self.known[key]


def _traced_peak(layer: keras.layers.Layer, shapes: list[Shape]) -> float:
    """Follow the operations inside a layer; 0 where it cannot be followed."""
    sources = [keras.KerasTensor(shape) for shape in shapes]
    try:
        with without_allocation():
            output = layer.call(sources if len(sources) > 1 else sources[0])
        steps = list(operations_between(sources, output))
    except Exception:  # a layer may do anything that is no operation of keras.ops
        return 0.0
    owners = {id(tensor): id(tensor) for tensor in sources}
    for operation, inputs, tensor in steps:
        is_view = type(operation).__name__ in _VIEWS and inputs
        owners[id(tensor)] = owners[id(inputs[0])] if is_view else id(tensor)
    sizes = {id(tensor): math.prod(tensor.shape) * _FLOAT32_BYTES for _, _, tensor in steps}
    uses = Counter(owners[id(source)] for _, inputs, _ in steps for source in inputs)
    live = peak = 0
    for _, inputs, tensor in steps:
        live += sizes[id(tensor)] if owners[id(tensor)] == id(tensor) else 0
        peak = max(peak, live)
        for source in inputs:
            uses[owners[id(source)]] -= 1
            live -= sizes.get(owners[id(source)], 0) if uses[owners[id(source)]] == 0 else 0
    return float(peak)
