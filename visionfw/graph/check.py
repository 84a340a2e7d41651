"""Everything that can be wrong with a dictionary, found before Keras builds anything and said all at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

from visionfw import registry
from visionfw.errors import ModelDefinitionError
from visionfw.graph.expand import Call, Expanded, expand
from visionfw.graph.records import Definition
from visionfw.graph.schema import parse
from visionfw.graph.shapes import PROBES, Layers, SymbolicShape, infer_shapes, input_shapes, merge_problem
from visionfw.graph.vocabulary import name_problem, parameter_problems

_ONE_SOURCE = ("conv", "activation", "norm")
_TWO_SOURCES = ("Subtract", "Dot")


@dataclass(frozen=True)
class Checked:
    """A dictionary without problems.

    Attributes:
        definition: its normal form, with the run's scale where the dictionary leaves it open.
        expanded: its layer calls.
        shapes: shape of every tensor.
        scale: size of the largest output image / size of the LR image; None where no output is an image of any size.
    """

    definition: Definition
    expanded: Expanded
    shapes: Mapping[str, SymbolicShape]
    scale: int | None


def check(dictionary: Mapping[str, Any], scale: int | None = None) -> None:
    """Check a model dictionary; nothing happens where it is right.

    A block named after a Python function is looked up among the functions of the calling module.

    Args:
        dictionary: any spelling.
        scale: the run's scale, for a dictionary that leaves it open.

    Raises:
        ModelDefinitionError: `.problems` lists every problem, each with its link's address and the nearest name.
    """
    examine(dictionary, scale, functions_of(sys._getframe(1)))


def functions_of(frame: FrameType) -> dict[str, Callable]:
    """Return the functions that were defined in the module (or notebook) in which a frame runs."""
    scope = frame.f_globals
    return {name: entry for name, entry in scope.items() if getattr(entry, "__globals__", None) is scope}


def examine(dictionary: Mapping[str, Any] | Definition, scale: int | None = None, functions: Mapping[str, Callable] | None = None) -> Checked:
    """Read and check a dictionary whole.

    Args:
        dictionary: any spelling, or a definition.
        scale: the run's scale; must agree with the dictionary's where that declares one.
        functions: Python functions that its links may name as blocks.

    Raises:
        ModelDefinitionError: with every problem.
    """
    definition, problems = parse(dictionary)
    if definition is None:
        raise ModelDefinitionError(problems)
    expanded, found = expand(definition, functions or {}, {name: registry.blocks.get(name) for name in registry.blocks})
    problems = [*problems, *(problem for problem in found if problem not in problems)]
    links = {id(call.link): call for call in reversed(expanded.calls)}
    problems += _once([(call, problem) for call in reversed(links.values()) for problem in _call_problems(call)])
    if problems:
        raise ModelDefinitionError(problems)
    shapes, wrong = _symbolic_shapes(definition, expanded)
    problems = _once(wrong)
    if problems:
        raise ModelDefinitionError(problems)
    definition, measured, problems = _settle_scale(definition, expanded, shapes, scale)
    problems += _output_problems(definition, expanded, shapes, measured)
    if problems:
        raise ModelDefinitionError(problems)
    return Checked(definition, expanded, shapes, measured if definition.pre_upsample is None else definition.scale)


def _once(problems: list[tuple[Call, str]]) -> list[str]:
    """Say a problem once, however often its block is used."""
    first: dict[tuple, str] = {}
    for call, problem in problems:
        first.setdefault((id(call.link), problem), f"{call.where}: {problem}")
    return list(first.values())


def _call_problems(call: Call) -> list[str]:
    if not call.name or call.function is not None:
        return []
    problem = name_problem(call.link)
    if problem:
        return [problem]
    return parameter_problems(call.link) + _source_problems(call)


def _source_problems(call: Call) -> list[str]:
    group, layer, count = call.link.group, call.link.layer, len(call.sources)
    if group in _ONE_SOURCE and count != 1:
        return [f"{layer} takes 1 source, not {count}"]
    if layer in _TWO_SOURCES and count != 2:
        return [f"{layer} takes 2 sources, not {count}"]
    if group == "merge" and count < 2:
        return [f"{layer} takes two sources or more, not {count}"]
    return []


def _symbolic_shapes(definition: Definition, expanded: Expanded) -> tuple[dict[str, SymbolicShape], list[tuple[Call, str]]]:
    """Follow shapes at both probes; merges are judged first, because Keras says less about them."""
    layers: Layers = {}
    low, wrong = infer_shapes(expanded, input_shapes(definition, *PROBES[0]), layers)
    high, _ = infer_shapes(expanded, input_shapes(definition, *PROBES[1]), layers)
    shapes = {tensor: SymbolicShape((low[tensor], high[tensor])) for tensor in low if low[tensor] and high.get(tensor)}
    judged = []
    for call in expanded.calls:
        if call.link.group == "merge" and all(source in shapes for source in call.sources):
            problem = merge_problem(call, shapes)
            judged += [(call, problem)] if problem else []
    merges = {id(call.link) for call, _ in judged}
    return shapes, judged + [(call, problem) for call, problem in wrong if id(call.link) not in merges]


def _settle_scale(definition: Definition, expanded: Expanded, shapes: Mapping[str, SymbolicShape], scale: int | None):
    """Measure the graph's scale and settle it with the dictionary's and the run's.

    A dictionary that declares neither a scale nor `pre_upsample` and that keeps the image's size is of the kind that reads the
    enlarged image; at a run's scale above 1 it becomes so.

    Returns:
        The settled definition, the measured scale (None where no output is an image of any size), and problems.
    """
    measured = _measure(expanded, shapes)
    if measured is None:
        return definition, None, []
    problems = []
    declared = definition.scale
    if scale is not None and declared is not None and scale != declared:
        problems.append(f"{definition.name}: the dictionary says scale {declared}, the run {scale}; give the model the run's scale, or leave its own out")
    wanted = declared if declared is not None else scale
    if definition.pre_upsample and wanted is None:
        wanted = 1
    if wanted is not None and declared is None and definition.pre_upsample is None and measured == 1 and wanted > 1:
        definition = replace(definition, pre_upsample="bicubic")
    expected = 1 if definition.pre_upsample else wanted
    if expected is not None and measured != expected and not problems:
        node = dict(definition.graph.outputs)
        said = ", ".join(f"node {node[name]} is {shapes[tensor]}" for name, tensor in expanded.outputs.items())
        reason = f"scale {wanted} needs {wanted}H x {wanted}W"
        if definition.pre_upsample:
            reason = "pre_upsample enlarges the input already, so the output must be H x W"
        problems.append(f"{definition.name}: the output has another scale than declared: {said}; {reason}")
    return replace(definition, scale=wanted if wanted is not None else measured), measured, problems


def _measure(expanded: Expanded, shapes: Mapping[str, SymbolicShape]) -> int | Any | None:
    """Return the largest output image's size / the input's; a whole number, a fraction, or a line that is no multiple."""
    found = []
    for tensor in expanded.outputs.values():
        shape = shapes[tensor]
        if shape.is_image and shape.line(0)[0] != 0:
            lines = {shape.line(0), shape.line(1)}
            slope, intercept = shape.line(0)
            whole = len(lines) == 1 and intercept == 0 and slope.denominator == 1
            found.append((slope, int(slope) if whole else shape.line(0)))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _output_problems(definition: Definition, expanded: Expanded, shapes: Mapping[str, SymbolicShape], measured: Any) -> list[str]:
    """Check the channels of the output images of the model's scale."""
    if measured is None:
        return []
    problems = []
    images = {name: shapes[tensor] for name, tensor in expanded.outputs.items() if shapes[tensor].is_image}
    nodes = dict(definition.graph.outputs)
    for name, shape in images.items():
        if shape.channels != definition.channels:
            hint = "; for a model of luma say 'colour': 'y'" if definition.colour == "rgb" and shape.channels == 1 else ""
            declared = f"colour '{definition.colour}' has {definition.channels}"
            problems.append(f"{definition.name}: output node {nodes[name]} has {shape.channels} channels, but {declared}{hint}")
    return problems
