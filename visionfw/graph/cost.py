"""What a model costs: parameters, multiply-adds, receptive field, counted from its dictionary."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import keras

from visionfw.graph.check import Checked, examine, functions_of
from visionfw.graph.expand import Call
from visionfw.graph.shapes import Shape, infer_shapes, input_shapes
from visionfw.graph.vocabulary import call_layer, make_layer


class Cost(NamedTuple):
    """The cost of one forward pass.

    Attributes:
        params: trainable parameters; shared ones count once, running statistics do not count.
        multiply_adds: multiplications with a following addition in convolutions, dense layers and attention, for one output image.
        receptive_field: side of the square of input pixels that one output pixel can depend on (pixels of the LR image, or of the
            enlarged one with `pre_upsample`); math.inf where it is the whole image.
    """

    params: int
    multiply_adds: int
    receptive_field: float


@dataclass(frozen=True)
class Unit:
    """One Keras layer at its place: what costs are counted from."""

    name: str
    layer: keras.layers.Layer
    sources: tuple[Any, ...]
    target: Any
    source_shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def params(self) -> int:
        return sum(math.prod(weight.shape) for weight in self.layer.trainable_weights)

    @property
    def multiply_adds(self) -> int:
        return _multiply_adds(self.layer, self.source_shapes[0], self.shape)


def cost(dictionary: Mapping[str, Any], output: tuple[int, int] = (720, 1280), scale: int | None = None) -> Cost:
    """Count a model's cost.

    Args:
        dictionary: any spelling.
        output: height and width of the output image in pixels; 1280x720 is the field's convention.
        scale: the run's scale, for a dictionary that leaves it open.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
    """
    return measure(examine(dictionary, scale, functions_of(sys._getframe(1))), output)


def measure(checked: Checked, output: tuple[int, int] = (720, 1280)) -> Cost:
    """Count the cost of a checked dictionary for one output image of height and width `output`."""
    found, exact = units(checked, output)
    by_name = {unit.name: unit.params for unit in found}
    multiply_adds = sum(unit.multiply_adds for unit in found)
    return Cost(sum(by_name.values()), round(multiply_adds * exact), receptive_field(checked, found))


def units(checked: Checked, output: tuple[int, int]) -> tuple[list[Unit], float]:
    """Return every layer at its place for an output image, and what to multiply sums by where the scale does not divide it."""
    definition, expanded = checked.definition, checked.expanded
    step = 1 if definition.pre_upsample or not checked.scale else checked.scale
    step = step if isinstance(step, int) else 1
    height, width = (max(1, round(size / step)) for size in output)
    shapes, problems = infer_shapes(expanded, input_shapes(definition, height, width))
    if problems:
        height, width = (max(64, round(size / 64) * 64) for size in (height, width))
        shapes, _ = infer_shapes(expanded, input_shapes(definition, height, width))
    made: dict[tuple, keras.layers.Layer] = {}
    found = [unit for call in expanded.calls for unit in _call_units(call, shapes, made)]
    free = any(None in definition.input_shape(name)[:2] for name, _ in definition.graph.inputs)
    return found, (output[0] * output[1] / (height * width * step**2) if free else 1.0)


def _call_units(call: Call, shapes: Mapping[str, Shape], made: dict[tuple, keras.layers.Layer]) -> Iterator[Unit]:
    sources = tuple(shapes[source] for source in call.sources)
    if call.function is not None:
        yield from _function_units(call, sources, shapes[call.target])
        return
    key = (id(call.link), sources)
    if key not in made:
        made[key] = make_layer(call.link)
        call_layer(made[key], [keras.KerasTensor((None, *shape)) for shape in sources])
    yield Unit(call.name, made[key], call.sources, call.target, sources, shapes[call.target])


def _function_units(call: Call, sources: tuple[Shape, ...], shape: Shape) -> Iterator[Unit]:
    """Yield the layers inside a block that is a Python function."""
    inputs = [keras.Input(source) for source in sources]
    model = keras.Model(inputs, call.function(inputs, **call.link.parameters))
    names = {id(tensor): source for tensor, source in zip(inputs, call.sources, strict=True)} | {id(model.outputs[0]): call.target}
    for number, layer in enumerate(layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)):
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        reads = tuple(names.get(id(tensor), id(tensor)) for tensor in given)
        target = names.get(id(layer.output), id(layer.output))
        yield Unit(f"{call.name}-{number}", layer, reads, target, tuple(tuple(tensor.shape[1:]) for tensor in given), tuple(layer.output.shape[1:]))


def _multiply_adds(layer: keras.layers.Layer, source: Shape, shape: Shape) -> int:
    if hasattr(layer, "multiply_adds"):
        return layer.multiply_adds((None, *source), (None, *shape))
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return math.prod(source[:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.SeparableConv2D):
        return math.prod(shape[:-1]) * (math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape))
    if isinstance(layer, keras.layers.Conv1D | keras.layers.Conv2D | keras.layers.Conv3D | keras.layers.DepthwiseConv2D | keras.layers.Dense):
        return math.prod(shape[:-1]) * math.prod(layer.kernel.shape)
    return 0


def receptive_field(checked: Checked, found: list[Unit]) -> float:
    """Follow the receptive field from the inputs to the outputs; side in input pixels, math.inf for the whole image."""
    expanded = checked.expanded
    reach: dict[Any, tuple[float, Fraction]] = {tensor: (1, Fraction(1)) for tensor in expanded.inputs.values()}
    for unit in found:
        taps, stride = _step(unit.layer, unit.source_shapes[0])
        side, jump = max((reach[source] for source in unit.sources), key=lambda pair: pair[0])
        grown = math.inf if math.inf in (taps, side) else side + (taps - 1) * jump
        reach[unit.target] = (grown, jump * stride)
    side = max(reach[tensor][0] for tensor in expanded.outputs.values())
    return side if math.isinf(side) else math.ceil(side)


def _step(layer: keras.layers.Layer, source: Shape) -> tuple[float, Fraction]:
    """Return how many input samples an output sample reads along one dimension, and how many lie between two output samples."""
    kinds = keras.layers
    if hasattr(layer, "receptive_step"):
        taps, stride = layer.receptive_step()
        return taps, Fraction(stride).limit_denominator(64)
    if isinstance(layer, kinds.Conv2DTranspose):
        return max(-(-kernel // stride) for kernel, stride in zip(layer.kernel_size, layer.strides, strict=True)), Fraction(1, layer.strides[0])
    if isinstance(layer, kinds.Conv2D | kinds.SeparableConv2D | kinds.DepthwiseConv2D):
        dilation = layer.dilation_rate
        dilation = dilation if isinstance(dilation, int) else max(dilation)
        return (max(layer.kernel_size) - 1) * dilation + 1, Fraction(layer.strides[0])
    if isinstance(layer, kinds.MaxPooling2D | kinds.AveragePooling2D):
        return max(layer.pool_size), Fraction(layer.strides[0])
    if isinstance(layer, kinds.UpSampling2D):
        return {"nearest": 1, "bilinear": 2}.get(layer.interpolation, 4), Fraction(1, layer.size[0])
    whole = (kinds.GlobalAveragePooling2D, kinds.GlobalMaxPooling2D, kinds.Flatten, kinds.GroupNormalization, kinds.MultiHeadAttention, kinds.Attention)
    if isinstance(layer, whole) and len(source) == 3 and source[:2] != (1, 1):
        return math.inf, Fraction(1)
    return 1, Fraction(1)
