"""What a model costs: parameters, multiply-adds, receptive field, counted from its dictionary."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import keras

from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import Call, Place
from visionfw.graph.checking.functions import functions_of, operations_between
from visionfw.graph.checking.layer_catalog import call_layer, make_layer
from visionfw.graph.checking.shapes import Shape, infer_shapes, input_shapes


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
    """One layer, or one operation inside a function block, at its place: what costs are counted from.

    Attributes:
        name: whose weights it uses.
        place: where it stands.
        layer: the built Keras layer or operation.
        sources, target: identifiers of the tensors it reads and makes.
        source_shapes, shape: theirs, without the batch.
    """

    name: str
    place: Place
    layer: Any
    sources: tuple[Any, ...]
    target: Any
    source_shapes: tuple[Shape, ...]
    shape: Shape

    @property
    def params(self) -> int:
        return sum(math.prod(weight.shape) for weight in getattr(self.layer, "trainable_weights", ()))

    @property
    def multiply_adds(self) -> int:
        return _multiply_adds(self.layer, self.source_shapes, self.shape)


def cost(dictionary: Mapping[str, Any], output: tuple[int, int] = (720, 1280), scale: int | None = None) -> Cost:
    """Count a model's cost.

    Args:
        dictionary: any spelling.
        output: height and width of the output image in pixels; 1280x720 is the field's convention.
        scale: the run's scale, for a dictionary that leaves it open.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
    """
    return measure(examine(dictionary, scale, functions_of(sys._getframe(1), dictionary)), output)


def measure(checked: Checked, output: tuple[int, int] = (720, 1280)) -> Cost:
    """Count the cost of a checked dictionary for one output image of height and width `output`."""
    return total_cost(checked, *units(checked, output))


def total_cost(checked: Checked, found: list[Unit], exact: float) -> Cost:
    """Add up what `units` returned."""
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


def _call_units(call: Call, shapes: Mapping[Place, Shape], made: dict[tuple, Any]) -> Iterator[Unit]:
    sources = tuple(shapes[source] for source in call.sources)
    if call.function is not None:
        yield from _function_units(call, sources)
        return
    key = (id(call.link), sources)
    if key not in made:
        made[key] = make_layer(call.link)
        call_layer(made[key], [keras.KerasTensor((None, *shape)) for shape in sources])
    yield Unit(call.name, call.target, made[key], call.sources, call.target, sources, shapes[call.target])


def _function_units(call: Call, sources: tuple[Shape, ...]) -> Iterator[Unit]:
    """Yield the operations inside a block that is a Python function; a layer used twice counts its weights once."""
    inputs = [keras.Input(source) for source in sources]
    made = call.function(inputs, **call.link.parameters)
    names: dict[int, Any] = {id(tensor): source for tensor, source in zip(inputs, call.sources, strict=True)}
    numbers: dict[int, int] = {}
    for operation, given, tensor in operations_between(inputs, made):
        number = numbers.setdefault(id(operation), len(numbers))
        target = call.target if tensor is made else (*call.target, ("inside", len(names), None))
        names[id(tensor)] = target
        reads = tuple(names[id(source)] for source in given)
        yield Unit(f"{call.name}-{number}", call.target, operation, reads, target, tuple(tuple(s.shape[1:]) for s in given), tuple(tensor.shape[1:]))


def _multiply_adds(layer: Any, sources: tuple[Shape, ...], shape: Shape) -> int:
    kinds = keras.layers
    source = sources[0] if sources else ()
    if hasattr(layer, "multiply_adds"):
        return layer.multiply_adds((None, *source), (None, *shape))
    if isinstance(layer, kinds.Conv2DTranspose):
        return math.prod(source[:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, kinds.SeparableConv2D):
        return math.prod(shape[:-1]) * (math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape))
    if isinstance(layer, kinds.Conv1D | kinds.Conv2D | kinds.Conv3D | kinds.DepthwiseConv2D | kinds.Dense):
        return math.prod(shape[:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, kinds.MultiHeadAttention):
        return _attention_multiply_adds(layer, sources, shape)
    return 0


def _attention_multiply_adds(layer: keras.layers.MultiHeadAttention, sources: tuple[Shape, ...], shape: Shape) -> int:
    """Count a MultiHeadAttention's projections and its two products of tokens."""
    config = layer.get_config()
    heads, key_depth = config["num_heads"], config["key_dim"]
    value_depth = config["value_dim"] or key_depth
    query, value = sources[0], sources[1]
    key = sources[2] if len(sources) > 2 else value
    ours, theirs = math.prod(query[:-1]), math.prod(value[:-1])
    projections = ours * query[-1] * heads * key_depth + theirs * heads * (key[-1] * key_depth + value[-1] * value_depth)
    return projections + ours * theirs * heads * (key_depth + value_depth) + ours * heads * value_depth * shape[-1]


def receptive_field(checked: Checked, found: list[Unit]) -> float:
    """Follow the receptive field from the inputs to the outputs; side in input pixels, math.inf for the whole image.

    An upper bound: where branches of different reach meet the larger one counts, and a layer that is not known reads everything.
    """
    expanded = checked.expanded
    start = ((1.0, Fraction(1)), (1.0, Fraction(1)))
    reach: dict[Any, tuple] = {tensor: start for tensor in expanded.inputs.values()}
    for unit in found:
        read = [reach[source] for source in unit.sources] or [start]
        sides = [max((each[axis] for each in read), key=lambda pair: pair[0]) for axis in (0, 1)]
        reach[unit.target] = tuple(_grown(*sides[axis], *step_of(unit.layer, unit.source_shapes, axis)) for axis in (0, 1))
    side = max(pair[0] for tensor in expanded.outputs.values() for pair in reach[tensor])
    return side if math.isinf(side) else math.ceil(side)


def _grown(side: float, jump: Fraction, taps: float, stride: Fraction) -> tuple[float, Fraction]:
    return (math.inf if math.inf in (taps, side) else side + (taps - 1) * jump), jump * stride


#: Keras' layers whose every output pixel reads the one input pixel at its own place.
_POINTWISE = [
    "Activation",
    "ReLU",
    "PReLU",
    "LeakyReLU",
    "ELU",
    "Identity",
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "Rescaling",
    "Dense",
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Concatenate",
    "BatchNormalization",
    "ActivityRegularization",
    "ZeroPadding2D",
    "Cropping2D",
    "Masking",
]
#: Operations of keras.ops, in blocks that are functions, of which the same is true; and those of which it is along the channels.
_POINTWISE_OPERATIONS = (
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power", "Where", "Concatenate", "Cast", "Clip", "Round"),
    *("Abs", "Absolute", "Negative", "Square", "Sqrt", "Rsqrt", "Reciprocal", "Exp", "Log", "Log1p", "Sin", "Cos", "Tanh", "Sign"),
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Silu", "Sigmoid", "HardSigmoid", "HardSilu", "Softplus", "Softsign", "LogSigmoid"),
)
_OPERATIONS_BY_AXIS = ("Mean", "Sum", "Max", "Min", "Amax", "Amin", "Var", "Std", "Softmax", "LogSoftmax", "Normalize", "Cumsum")
_BY_AXIS = ("Softmax", "LayerNormalization", "UnitNormalization", "RMSNormalization")


def _is_of_channels(operation: Any) -> bool:
    axes = operation.axis if isinstance(operation.axis, list | tuple) else [operation.axis]
    return set(axes) <= {-1, 3}


def step_of(layer: Any, sources: tuple[Shape, ...], axis: int) -> tuple[float, Fraction]:
    """Return how many input samples an output sample reads along an axis, and how many lie between two output samples."""
    kinds, kind = keras.layers, type(layer).__name__
    if hasattr(layer, "receptive_step"):
        taps, stride = layer.receptive_step()
        return taps, Fraction(stride).limit_denominator(64)
    if not sources or len(sources[0]) != 3 or sources[0][axis] == 1 or kind in _POINTWISE:
        return 1, Fraction(1)
    if not isinstance(layer, kinds.Layer):
        return (1 if kind in _POINTWISE_OPERATIONS or (kind in _OPERATIONS_BY_AXIS and _is_of_channels(layer)) else math.inf), Fraction(1)
    if kind in _BY_AXIS:
        axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
        return (1 if set(axes) <= {-1, 3} else math.inf), Fraction(1)
    if isinstance(layer, kinds.Conv2DTranspose):
        return -(-layer.kernel_size[axis] // layer.strides[axis]), Fraction(1, layer.strides[axis])
    if kind in ("Conv2D", "SpectralConv2D", "SeparableConv2D", "DepthwiseConv2D"):
        dilation = layer.dilation_rate if isinstance(layer.dilation_rate, int) else layer.dilation_rate[axis]
        return (layer.kernel_size[axis] - 1) * dilation + 1, Fraction(layer.strides[axis])
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        return layer.pool_size[axis], Fraction(layer.strides[axis])
    if kind == "UpSampling2D":
        taps = {"nearest": 1, "bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}.get(layer.interpolation, math.inf)
        return taps, Fraction(1, layer.size[axis])
    return math.inf, Fraction(1)
