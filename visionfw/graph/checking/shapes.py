"""Shapes of every tensor of a flat graph, before any tensor exists.

An image input of any size is tried at two sizes; two sizes determine a line, so shapes can be written as 2H x 2W x 64.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from fractions import Fraction

import keras

from visionfw.errors import brief
from visionfw.graph.checking.analysis_layers import AnalysisLayers, PartialShape, build_unallocated
from visionfw.graph.checking.expand import FlatGraph, LayerCall, TensorId
from visionfw.graph.checking.layer_catalog import takes_separate_tensors
from visionfw.graph.language.ir import Definition
from visionfw.layers.facts import facts_by_name

Shape = tuple[int, ...]
#: Heights and widths tried: multiples of 2^8 and of 3, 5, 7 (9 for widths), so that strided and windowed networks fit.
PROBES = ((26880, 80640), (53760, 161280))


@dataclass(frozen=True)
class SymbolicShape:
    """A tensor's shape without its batch, at both probes.

    Attributes:
        at: the shapes.
        probes: heights and widths of the images that they belong to.
    """

    at: tuple[Shape, Shape]
    probes: tuple[Shape, Shape] = PROBES

    @property
    def channels(self) -> int:
        """Size of the last axis."""
        return self.at[0][-1]

    @property
    def is_image(self) -> bool:
        """Whether it has rows, columns and channels."""
        return len(self.at[0]) == 3

    @property
    def partial(self) -> PartialShape:
        """The shape with None for each size that follows the image's."""
        return tuple(low if low == high else None for low, high in zip(*self.at, strict=True))

    def line(self, axis: int) -> tuple[Fraction, Fraction]:
        """Return slope and intercept of the size along axis 0 or 1 over the input's size."""
        (low, high), (x, y) = (shape[axis] for shape in self.at), (probe[axis] for probe in self.probes)
        slope = Fraction(high - low, y - x)
        return slope, low - slope * x

    def size_at(self, axis: int, side: int) -> Fraction:
        """Return the size along axis 0 or 1 where the input's is `side`."""
        slope, intercept = self.line(axis)
        return slope * side + intercept

    def __str__(self) -> str:
        if not self.is_image:
            return " x ".join(map(str, self.at[0]))
        return " x ".join([_line_text(*self.line(0), "H"), _line_text(*self.line(1), "W"), str(self.channels)])


def _line_text(slope: Fraction, intercept: Fraction, letter: str) -> str:
    if slope == 0:
        return str(intercept)
    factor = "" if slope.numerator == 1 else str(slope.numerator)
    divisor = "" if slope.denominator == 1 else f"/{slope.denominator}"
    return f"{factor}{letter}{divisor}" + (f"{'+' if intercept > 0 else '-'}{abs(intercept)}" if intercept else "")


def probes_for(definition: Definition) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return two heights and widths that a definition's `multiple` divides too."""
    factor = definition.multiple or 1
    factor //= math.gcd(factor, *(side for probe in PROBES for side in probe))
    low, high = ((factor * height, factor * width) for height, width in PROBES)
    return low, high


def size_multiple(shapes: Mapping[TensorId, SymbolicShape]) -> int:
    """Return what image sides must be multiples of, so that every tensor's size is a whole number."""
    return math.lcm(*(shape.line(axis)[0].denominator for shape in shapes.values() if shape.is_image for axis in (0, 1)))


def input_shapes(definition: Definition, height: int, width: int) -> dict[str, Shape]:
    """Return the shape of every input where images of any size have this one, padded to the definition's `multiple`."""
    multiple = definition.multiple or 1
    sizes = (*(-(-side // multiple) * multiple for side in (height, width)), definition.channels)
    return {name: tuple(sizes[axis] if size is None else size for axis, size in enumerate(definition.input_shape(name))) for name, _ in definition.graph.inputs}


def infer_shapes(
    flat: FlatGraph, inputs: Mapping[str, Shape], layers: AnalysisLayers, skipped: Container[int] = ()
) -> tuple[dict[TensorId, Shape | None], list[tuple[LayerCall, str]]]:
    """Compute the shape of every tensor from those of the inputs.

    Args:
        flat: the layer calls.
        inputs: shape of every input without its batch.
        layers: the links' layers.
        skipped: ids of links that have problems already.

    Returns:
        Shape without the batch by tensor (None behind a problem), and the problems: the call and why Keras refuses it.
    """
    shapes: dict[TensorId, Shape | None] = {flat.inputs[name]: shape for name, shape in inputs.items()}
    known: dict[tuple[int, tuple[Shape | None, ...]], Shape | None] = {}
    problems = []
    for call in flat.calls:
        sources = tuple(shapes.get(source) for source in call.sources)
        if not call.name or None in sources or id(call.link) in skipped:
            shapes[call.target] = None
            continue
        key = (id(call.link), sources)
        if key not in known:
            try:
                known[key] = _output_shape(call, tuple(shape for shape in sources if shape is not None), layers)
            except Exception as error:  # Keras' layers raise nearly anything
                known[key] = None
                problems.append((call, brief(error)))
        shapes[call.target] = known[key]
    return shapes, problems


def _output_shape(call: LayerCall, sources: tuple[Shape, ...], layers: AnalysisLayers) -> Shape:
    batched = [(None, *shape) for shape in sources]
    if call.function is not None:
        output = call.function([keras.KerasTensor(shape) for shape in batched], **call.link.parameters)
        if not isinstance(output, keras.KerasTensor):
            raise TypeError(f"a block's function returns one tensor, not {type(output).__name__}")
        return tuple(output.shape[1:])
    shape = _layer_output_shape(layers.get(call.link), batched)
    if any(size is None or size < 1 for size in shape):
        raise ValueError("nothing is left of the image")
    return shape


def _layer_output_shape(layer: keras.layers.Layer, batched: list[tuple]) -> Shape:
    try:
        if len(batched) > 1 and takes_separate_tensors(layer):
            shape = layer.compute_output_shape(*batched)
        else:
            shape = layer.compute_output_shape(batched if len(batched) > 1 else batched[0])
    except NotImplementedError:
        shape = build_unallocated(layer, batched).shape
    return tuple(shape)[1:]


def merge_problem(call: LayerCall, sources: list[SymbolicShape]) -> str | None:
    """Return why a merge's sources do not fit together, with the node and shape of each, or None."""
    kind = facts_by_name(call.link.layer).merges
    if kind in ("equal", "broadcast"):
        fits = all(_fit_elementwise([shape.at[probe] for shape in sources], kind == "broadcast") for probe in (0, 1))
        needs = "equal sizes and channels"
    elif kind == "concatenate" and call.link.parameters.get("axis", -1) in (-1, 3):
        fits = len({tuple(sizes[:-1] for sizes in shape.at) for shape in sources}) == 1
        needs = "equal sizes"
    else:
        return None
    if fits:
        return None
    listed = ", ".join(f"node {node} is {shape}" for node, shape in zip(call.link.sources, sources, strict=True))
    return f"{call.link.layer} needs {needs}, but {listed}"


def merges_fit(flat: FlatGraph, shapes: Mapping[TensorId, Shape | None]) -> bool:
    """Return whether the sources of every merge have equal sizes at one size of image: strides that do not divide it round differently."""
    for call in flat.calls:
        sources = [shape for source in call.sources if (shape := shapes.get(source)) is not None]
        if facts_by_name(call.link.layer).merges in ("equal", "broadcast", "concatenate") and call.function is None:
            sizes = {shape[:-1] for shape in sources if any(size != 1 for size in shape[:-1])}
            if len(sizes) > 1:
                return False
    return True


def _fit_elementwise(shapes: list[Shape], is_broadcast: bool) -> bool:
    """Return whether shapes are equal, or 1 x 1 x c or just c beside an image; broadcast, one channel goes with many."""
    sizes = {shape[:-1] for shape in shapes if any(size != 1 for size in shape[:-1])}
    channels = {shape[-1] for shape in shapes} - ({1} if is_broadcast else set())
    return len(sizes) <= 1 and len(channels) <= 1
