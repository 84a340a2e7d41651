"""Everything that can be wrong with a dictionary, found before Keras builds anything and said all at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from visionfw.errors import ModelDefinitionError
from visionfw.graph.analysis.convolutions import feature_problem, sharing_problems
from visionfw.graph.checking.expand import Call, Expanded, Place, expand, layer_text
from visionfw.graph.checking.functions import functions_of
from visionfw.graph.checking.layer_catalog import name_problem, parameter_problems
from visionfw.graph.checking.shapes import MERGES, PROBES, Layers, SymbolicShape, infer_shapes, input_shapes, merge_problem
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.defaults import LOGIT_OUTPUTS
from visionfw.graph.language.ir import Definition
from visionfw.graph.language.parse_values import ValueProblem, read_count
from visionfw.graph.language.parser import parse

#: A scale that is no whole number: the ratios of height and width at both probes.
Measured = tuple[Fraction, ...]
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
    shapes: Mapping[Place, SymbolicShape]
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
    examine(dictionary, scale, functions_of(sys._getframe(1), dictionary))


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
    if scale is not None:
        try:
            scale = read_count(scale, "scale")
        except ValueProblem as problem:
            problems.append(f"{definition.name}: the run's {problem}")
    if problems and not definition.graph.links:
        raise ModelDefinitionError(problems)
    expanded, found = _expand(definition, functions)
    is_whole = not problems and not found
    problems = [*problems, *(problem for problem in found if problem not in problems)]
    links = {id(call.link): call for call in reversed(expanded.calls)}
    wrong = [(call, problem) for call in reversed(links.values()) for problem in _call_problems(call)]
    shapes: dict[Place, SymbolicShape] = {}
    if is_whole:
        definition = _with_pre_upsample_scale(definition, scale)
        shapes, misfits = _symbolic_shapes(definition, expanded, {id(call.link) for call, _ in wrong})
        wrong += misfits
    problems += _once(wrong)
    if problems:
        raise ModelDefinitionError(problems)
    definition, measured, problems = _settle_scale(definition, expanded, shapes, scale)
    problems += _output_problems(definition, expanded, shapes, measured)
    if problems:
        raise ModelDefinitionError(problems)
    return Checked(definition, expanded, shapes, definition.scale if measured is not None else None)


def _expand(definition: Definition, functions: Mapping[str, Callable] | None) -> tuple[Expanded, list[str]]:
    registered = {name: BLOCKS.load(name) for name in BLOCKS}
    try:
        expanded, found = expand(definition, functions or {}, registered)
    except RecursionError:
        raise ModelDefinitionError([f"{definition.name}: blocks are nested too deeply, or contain themselves"]) from None
    names = {call.name for call in expanded.calls} | {"pre_upsample"}
    found += [f"{definition.name}: inputs: '{name}' is also a layer's name; rename the input" for name in expanded.inputs if name in names]
    return expanded, found


def _with_pre_upsample_scale(definition: Definition, scale: int | None) -> Definition:
    """Give a definition that enlarges its input first a scale to do it with: its own, the run's, or 1."""
    if definition.pre_upsample is None or definition.scale is not None:
        return definition
    return replace(definition, scale=scale or 1)


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
    if (group == "merge" or layer in MERGES) and count < 2:
        return [f"{layer} takes two sources or more, not {count}"]
    return []


def _symbolic_shapes(definition: Definition, expanded: Expanded, skipped: set[int]) -> tuple[dict[Place, SymbolicShape], list[tuple[Call, str]]]:
    """Follow shapes at both probes, and judge what each layer is given; merges first, because Keras says less about them."""
    layers: Layers = {}
    low, wrong = infer_shapes(expanded, input_shapes(definition, *PROBES[0]), layers, skipped)
    high, wrong_high = infer_shapes(expanded, input_shapes(definition, *PROBES[1]), layers, skipped)
    shapes = {tensor: SymbolicShape((low[tensor], high[tensor])) for tensor in low if low[tensor] and high.get(tensor)}
    judged: list[tuple[Call, str]] = []
    for call in expanded.calls:
        if not call.name or call.function is not None or id(call.link) in skipped or not all(source in shapes for source in call.sources):
            continue
        problem = merge_problem(call, shapes) if call.link.layer in MERGES else feature_problem(call, shapes)
        judged += [(call, problem)] if problem else []
    judged += sharing_problems(expanded.calls, shapes)
    known = {id(call.link) for call, _ in judged}
    for call, problem in [*wrong, *wrong_high]:
        if id(call.link) not in known:
            known.add(id(call.link))
            judged.append((call, f"{layer_text(call.link)} on {' and '.join(str(shapes[source]) for source in call.sources)}: {problem}"))
    return shapes, judged


def _settle_scale(
    definition: Definition, expanded: Expanded, shapes: Mapping[Place, SymbolicShape], scale: int | None
) -> tuple[Definition, int | Measured | None, list[str]]:
    """Measure the graph's scale and settle it with the dictionary's and the run's.

    A dictionary that declares neither a scale nor `pre_upsample` and that keeps the image's size is of the kind that reads the
    enlarged image; at a run's scale above 1 it becomes so.

    Returns:
        The settled definition, the measured scale (None where no output is an image that follows an image), and problems.
    """
    measured = _measure(definition, expanded, shapes)
    if measured is None:
        return definition, None, []
    problems = []
    declared = definition.scale
    if scale is not None and declared is not None and scale != declared:
        problems.append(f"{definition.name}: the dictionary says scale {declared}, the run {scale}; give the model the run's scale, or leave its own out")
    wanted = declared if declared is not None else scale
    plain = len(definition.graph.inputs) == 1 or "lr" in expanded.inputs
    if wanted is not None and declared is None and measured == 1 and wanted > 1 and plain:
        definition = replace(definition, pre_upsample="bicubic")
    expected = 1 if definition.pre_upsample else wanted
    if expected is not None and measured != expected and not problems:
        node = dict(definition.graph.outputs)
        said = ", ".join(f"node {node[name]} is {shapes[tensor]}" for name, tensor in expanded.outputs.items())
        reason = f"scale {wanted} needs {wanted}H x {wanted}W"
        if definition.pre_upsample:
            reason = "pre_upsample enlarges the input already, so the output must be H x W"
        problems.append(f"{definition.name}: the output has another scale than declared: {said}; {reason}")
    settled = wanted if wanted is not None else measured
    return replace(definition, scale=settled if isinstance(settled, int) else None), measured, problems


def _measure(definition: Definition, expanded: Expanded, shapes: Mapping[Place, SymbolicShape]) -> int | Measured | None:
    """Return the largest output image's size / the input's: a whole number, or whatever else it is; None without such images."""
    images = [name for name, _ in definition.graph.inputs if shapes[expanded.inputs[name]].is_image]
    if not images:
        return None
    given = shapes[expanded.inputs["lr" if "lr" in images else images[0]]].at
    found = []
    for name, tensor in expanded.outputs.items():
        made = shapes[tensor].at
        if shapes[tensor].is_image and name not in LOGIT_OUTPUTS:
            ratios = {Fraction(made[probe][axis], given[probe][axis]) for probe in (0, 1) for axis in (0, 1)}
            whole = len(ratios) == 1 and max(ratios).denominator == 1
            found.append((max(ratios), int(max(ratios)) if whole else tuple(sorted(ratios))))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _output_problems(definition: Definition, expanded: Expanded, shapes: Mapping[Place, SymbolicShape], measured: int | Measured | None) -> list[str]:
    """Check the channels of the output images of a model that declares a scale, or is run at one."""
    if measured is None or definition.scale is None:
        return []
    problems = []
    nodes = dict(definition.graph.outputs)
    for name, tensor in expanded.outputs.items():
        shape = shapes[tensor]
        if shape.is_image and shape.channels != definition.channels and name not in LOGIT_OUTPUTS:
            hint = "; for a model of luma say 'color': 'y'" if definition.color == "rgb" and shape.channels == 1 else ""
            declared = f"color '{definition.color}' has {definition.channels}"
            problems.append(f"{definition.name}: output node {nodes[name]} has {shape.channels} channels, but {declared}{hint}")
    return problems
