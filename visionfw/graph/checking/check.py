"""The check: everything that can be wrong with a dictionary, found before Keras builds anything and reported all at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from visionfw.errors import ModelDefinitionError
from visionfw.graph.checking.analysis_layers import AnalysisLayers
from visionfw.graph.checking.expand import FlatGraph, LayerCall, TensorId, expand, layer_text
from visionfw.graph.checking.features import feature_problem, sharing_problems
from visionfw.graph.checking.layer_catalog import name_problem, parameter_problems
from visionfw.graph.checking.shapes import (
    Shape,
    SymbolicShape,
    infer_shapes,
    input_shapes,
    merge_problem,
    merges_fit,
    probes_for,
    size_multiple,
)
from visionfw.graph.language.defaults import LOGIT_OUTPUTS
from visionfw.graph.language.ir import Definition
from visionfw.graph.language.parse_values import ValueProblem, parse_count
from visionfw.graph.language.parser import Functions, parse
from visionfw.layers.facts import facts_by_name

#: Groups whose layers take one source.
_ONE_SOURCE = ("conv", "activation", "norm")
#: Larger multiples of sides come of sizes that do not follow the image's in a line.
_MAX_MULTIPLE = 1024
#: Sides that are tried, in multiples of what the strides need: large enough for every layer.
_TRIED_SIDE = 64
#: A scale: a whole number, or the ratios of output and input sizes where they are anything else.
Scale = int | tuple[Fraction, ...]


@dataclass(frozen=True)
class Checked:
    """A dictionary without problems, and all that the check found out: build, costs, table and drawing read this.

    Attributes:
        definition: its canonical form, with the run's scale where the dictionary leaves it open.
        flat: its layer calls.
        shapes: shape of every tensor.
        scale: size of the largest output image / size of the LR image; None where no output is an image of any size.
        layers: the layers that were looked at, for the costs.
    """

    definition: Definition
    flat: FlatGraph
    shapes: Mapping[TensorId, SymbolicShape]
    scale: int | None
    layers: AnalysisLayers = field(repr=False, compare=False)

    @property
    def has_function_blocks(self) -> bool:
        """Whether some of its blocks are Python functions, which no file can hold."""
        return any(call.function is not None for call in self.flat.calls)

    def uses_layer(self, name: str) -> bool:
        """Return whether one of its links has the layer of a name."""
        return any(call.link.layer == name for call in self.flat.calls)

    def is_cropped(self, output: str) -> bool:
        """Return whether an output is an image from which the part that belongs to the padding of the inputs is removed."""
        shape = self.shapes[self.flat.outputs[output]]
        return bool(self.definition.padded_inputs and shape.is_image and shape.line(0)[0])

    def shapes_at(self, height: int, width: int) -> Mapping[TensorId, Shape] | None:
        """Return the shape of every tensor for input images of a size; None where the model cannot take that size."""
        shapes, problems = infer_shapes(self.flat, input_shapes(self.definition, height, width), self.layers)
        known = {tensor: shape for tensor, shape in shapes.items() if shape is not None}
        return known if not problems and merges_fit(self.flat, known) else None


def check(dictionary: Mapping[str, Any], scale: int | None = None, functions: Functions | None = None) -> None:
    """Check a model dictionary; nothing happens where it is right.

    Args:
        dictionary: any spelling.
        scale: the run's scale, for a dictionary that leaves it open.
        functions: Python functions that its links may name as blocks.

    Raises:
        ModelDefinitionError: `.problems` lists every problem, each with its link's address and the nearest name.
    """
    examine(dictionary, scale, functions)


def examine(dictionary: Mapping[str, Any] | Definition, scale: int | None = None, functions: Functions | None = None) -> Checked:
    """Parse and check a dictionary.

    Args:
        dictionary: any spelling, or a definition.
        scale: the run's scale; must agree with the dictionary's where that declares one.
        functions: Python functions that its links may name as blocks.

    Raises:
        ModelDefinitionError: with every problem.
    """
    definition, problems = parse(dictionary, functions)
    if definition is None or (problems and not definition.graph.links):
        raise ModelDefinitionError(problems)
    return _Examination(definition, scale, functions or {}, problems).result()


class _Examination:
    """One check, pass by pass: each adds to what is known about the definition, and to its problems."""

    def __init__(self, definition: Definition, scale: int | None, functions: Functions, problems: list[str]):
        self.definition = definition
        self.run_scale = scale
        self.functions = functions
        self.problems = list(problems)
        self.flat = FlatGraph((), {}, {})
        self.layers = AnalysisLayers()
        self.shapes: dict[TensorId, SymbolicShape] = {}
        self.output_scale: Scale | None = None

    def result(self) -> Checked:
        """Run the passes; those that need a sound graph only where the ones before found nothing."""
        self.check_run_scale()
        self.expand_graph()
        is_sound = not self.problems
        wrong = self.link_problems()
        if is_sound:
            self.fill_in_scale()
            wrong += self.shape_problems({id(call.link) for call, _ in wrong})
        self.problems += _once(wrong)
        self.raise_problems()
        self.settle_scale()
        self.settle_multiple()
        self.check_channels()
        self.raise_problems()
        scale = self.definition.scale if self.output_scale is not None else None
        return Checked(self.definition, self.flat.needed(), self.shapes, scale, self.layers)

    def report(self, problem: str) -> None:
        """Add a problem of the model as a whole."""
        self.problems.append(f"{self.definition.name}: {problem}")

    def raise_problems(self) -> None:
        """Raise ModelDefinitionError where there are problems."""
        if self.problems:
            raise ModelDefinitionError(self.problems)

    # --- the graph -----------------------------------------------------------------------------------------------------

    def check_run_scale(self) -> None:
        """Check that the run's scale is a whole number."""
        if self.run_scale is not None:
            try:
                self.run_scale = parse_count(self.run_scale, "scale")
            except ValueProblem as problem:
                self.report(f"the run's {problem}")

    def expand_graph(self) -> None:
        """Write out the layer calls."""
        try:
            self.flat, problems = expand(self.definition, self.functions)
        except RecursionError:
            raise ModelDefinitionError([f"{self.definition.name}: blocks are nested too deeply, or contain themselves"]) from None
        self.problems += [problem for problem in problems if problem not in self.problems]
        names = {call.name for call in self.flat.calls} | {"pre_upsample", "pad_to_multiple", "crop_padding"}
        for name in self.flat.inputs:
            if name in names:
                self.report(f"inputs: '{name}' is also a layer's name; rename the input")

    # --- links and shapes ----------------------------------------------------------------------------------------------

    def link_problems(self) -> list[tuple[LayerCall, str]]:
        """Return what is wrong with links by themselves: layer names, parameters, numbers of sources."""
        first_calls = {id(call.link): call for call in reversed(self.flat.calls)}
        return [(call, problem) for call in reversed(first_calls.values()) for problem in _call_problems(call)]

    def fill_in_scale(self) -> None:
        """Give a definition that upscales its input first a scale to do so: its own, the run's, or 1."""
        if self.definition.pre_upsample is not None and self.definition.scale is None:
            self.definition = replace(self.definition, scale=self.run_scale or 1)

    def shape_problems(self, skipped: set[int]) -> list[tuple[LayerCall, str]]:
        """Compute all shapes at both probes; return what does not fit. What the framework finds comes before what Keras says."""
        probes = probes_for(self.definition)
        low, refused = infer_shapes(self.flat, input_shapes(self.definition, *probes[0]), self.layers, skipped)
        high, refused_high = infer_shapes(self.flat, input_shapes(self.definition, *probes[1]), self.layers, skipped)
        both = ((tensor, low[tensor], high.get(tensor)) for tensor in low)
        self.shapes = {tensor: SymbolicShape((one, other), probes) for tensor, one, other in both if one and other}
        problems = self._misfits(skipped) + sharing_problems(self.flat.calls, self.shapes)
        known = {id(call.link) for call, _ in problems}
        for call, reason in [*refused, *refused_high]:
            if id(call.link) not in known:
                known.add(id(call.link))
                sources = " and ".join(str(self.shapes[source]) for source in call.sources)
                problems.append((call, f"{layer_text(call.link)} on {sources}: {reason}"))
        return problems

    def _misfits(self, skipped: set[int]) -> list[tuple[LayerCall, str]]:
        """Return the layers and merges that do not fit the shapes of their sources."""
        problems = []
        for call in self.flat.calls:
            if not call.name or call.function is not None or id(call.link) in skipped or not all(source in self.shapes for source in call.sources):
                continue
            sources = [self.shapes[source] for source in call.sources]
            problem = merge_problem(call, sources) if facts_by_name(call.link.layer).merges else feature_problem(call, sources[0])
            problems += [(call, problem)] if problem else []
        return problems

    # --- the output ----------------------------------------------------------------------------------------------------

    def settle_scale(self) -> None:
        """Compare the graph's scale with the dictionary's and the run's.

        A dictionary that declares neither a scale nor `pre_upsample` and keeps the image's size is of the kind that reads the upscaled
        image; at a run's scale above 1 it becomes so.
        """
        self.output_scale = _output_scale(self.definition, self.flat, self.shapes)
        if self.output_scale is None:
            return
        declared, run = self.definition.scale, self.run_scale
        agrees = run is None or declared is None or run == declared
        if not agrees:
            self.report(f"the dictionary says scale {declared}, the run {run}; give the model the run's scale, or leave its own out")
        scale = declared if declared is not None else run
        if declared is None and scale is not None and scale > 1 and self.output_scale == 1 and self._has_lr_input():
            self.definition = replace(self.definition, pre_upsample="bicubic")
        expected = 1 if self.definition.pre_upsample else scale
        if expected is not None and self.output_scale != expected and agrees:
            self._report_scale(scale)
        settled = scale if scale is not None else self.output_scale
        self.definition = replace(self.definition, scale=settled if isinstance(settled, int) else None)

    def _has_lr_input(self) -> bool:
        return len(self.definition.graph.inputs) == 1 or "lr" in self.flat.inputs

    def _report_scale(self, scale: int | None) -> None:
        nodes = dict(self.definition.graph.outputs)
        outputs = ", ".join(f"node {nodes[name]} is {self.shapes[tensor]}" for name, tensor in self.flat.outputs.items())
        reason = f"scale {scale} needs {scale}H x {scale}W"
        if self.definition.pre_upsample:
            reason = "pre_upsample upscales the input already, so the output must be H x W"
        self.report(f"the output has another scale than declared: {outputs}; {reason}")

    def settle_multiple(self) -> None:
        """Pad to what the strides need where the dictionary leaves it open; check that its own `multiple` is enough.

        A network whose output has the right size at any size of its input, because it resizes to other nodes' sizes, needs no padding.
        """
        definition, needed = self.definition, size_multiple(self.shapes)
        if not isinstance(self.output_scale, int) or needed == 1 or needed > _MAX_MULTIPLE or not any(map(definition.is_free_image, self.flat.inputs)):
            return
        if self._fits_sides(definition.multiple or 1, needed):
            return
        if definition.multiple is None:
            self.definition = replace(definition, multiple=needed)
        else:
            self.report(f"'multiple' is {definition.multiple}, but the strides need sides that are multiples of {needed}")

    def _fits_sides(self, own: int, needed: int) -> bool:
        """Return whether the output's size is right at sides that are multiples of `own`, but not of `needed`."""
        both = math.lcm(own, needed)
        steps = both // own
        tried = {1, 2, 3, steps // 2, steps - 2, steps - 1} & set(range(1, steps))
        return all(self._fits_side(both * _TRIED_SIDE + own * step) for step in sorted(tried))

    def _fits_side(self, side: int) -> bool:
        """Return whether the outputs at one side of the image are as large as their sizes at the probes say."""
        shapes, problems = infer_shapes(self.flat, input_shapes(self.definition, side, side), self.layers)
        known = {tensor: shape for tensor, shape in shapes.items() if shape is not None}
        if problems or not merges_fit(self.flat, known):
            return False
        images = [tensor for tensor in self.flat.outputs.values() if self.shapes[tensor].is_image]
        return all(known[tensor][axis] == self.shapes[tensor].size_at(axis, side) for tensor in images for axis in (0, 1))

    def check_channels(self) -> None:
        """Check the channels of the output images of a model that declares a scale, or is run at one."""
        definition = self.definition
        if self.output_scale is None or definition.scale is None:
            return
        nodes = dict(definition.graph.outputs)
        for name, tensor in self.flat.outputs.items():
            shape = self.shapes[tensor]
            if shape.is_image and shape.channels != definition.channels and name not in LOGIT_OUTPUTS:
                hint = "; for a model of luma set 'color': 'y'" if definition.color == "rgb" and shape.channels == 1 else ""
                declared = f"color '{definition.color}' has {definition.channels}"
                self.report(f"output node {nodes[name]} has {shape.channels} channels, but {declared}{hint}")


def _once(problems: list[tuple[LayerCall, str]]) -> list[str]:
    """Write each problem of a link once, however often its block is used."""
    first: dict[tuple[int, str], str] = {}
    for call, problem in problems:
        first.setdefault((id(call.link.as_written), problem), f"{call.address}: {problem}")
    return list(first.values())


def _call_problems(call: LayerCall) -> list[str]:
    if not call.name or call.function is not None:
        return []
    problem = name_problem(call.link)
    return [problem] if problem else parameter_problems(call.link) + _source_problems(call)


def _source_problems(call: LayerCall) -> list[str]:
    group, layer, count = call.link.group, call.link.layer, len(call.sources)
    facts = facts_by_name(layer)
    if group in _ONE_SOURCE and count != 1:
        return [f"{layer} takes 1 source, not {count}"]
    if facts.sources is not None and count != facts.sources:
        return [f"{layer} takes {facts.sources} sources, not {count}"]
    if (group == "merge" or facts.merges) and count < 2:
        return [f"{layer} takes two sources or more, not {count}"]
    return []


def _output_scale(definition: Definition, flat: FlatGraph, shapes: Mapping[TensorId, SymbolicShape]) -> Scale | None:
    """Return the largest output image's size / the input's: a whole number, or all of its ratios; None without such images."""
    images = [name for name, _ in definition.graph.inputs if shapes[flat.inputs[name]].is_image]
    if not images:
        return None
    source = shapes[flat.inputs["lr" if "lr" in images else images[0]]]
    outputs = [shapes[tensor] for name, tensor in flat.outputs.items() if shapes[tensor].is_image and name not in LOGIT_OUTPUTS]
    ratios = [_size_ratios(output, source) for output in outputs]
    if not ratios:
        return None
    largest = max(ratios, key=max)
    return int(largest[0]) if len(largest) == 1 and largest[0].denominator == 1 else largest


def _size_ratios(output: SymbolicShape, source: SymbolicShape) -> tuple[Fraction, ...]:
    """Return the different ratios of two images' heights and widths at both probes, sorted."""
    return tuple(sorted({Fraction(output.at[probe][axis], source.at[probe][axis]) for probe in (0, 1) for axis in (0, 1)}))
