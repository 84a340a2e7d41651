"""What Keras finds only while it builds weights, found from the shapes instead: features that do not fit a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from visionfw.graph.checking.expand import Call, Place
from visionfw.graph.checking.shapes import SymbolicShape

#: Layers whose weights follow the last axis of their input.
_CONVOLUTIONS = {"Conv2D", "SpectralConv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"}
_WEIGHTED = {*_CONVOLUTIONS, "Dense", "LayerNormalization", "BatchNormalization", "GroupNormalization"}
_COUNTS = ("filters", "units", "groups", "depth_multiplier", "kernel_size", "strides", "dilation_rate")


def feature_problem(call: Call, shapes: Mapping[Place, SymbolicShape]) -> str | None:
    """Say why a layer's parameters do not fit the features it is given, or None."""
    link = call.link
    fractional = [key for key in _COUNTS if isinstance(link.parameters.get(key), float | bool | str)]
    if fractional:
        return f"{link.layer}: '{fractional[0]}' must be a whole number, not {link.parameters[fractional[0]]!r}"
    shape = shapes[call.sources[0]]
    if link.layer == "PReLU":
        return _prelu_problem(link.parameters.get("shared_axes"), shape)
    if link.layer in _WEIGHTED and shape.at[0][-1] != shape.at[1][-1]:
        return f"{link.layer}: the number of features depends on the image's size; give the input a size in 'shapes', or pool first"
    return _groups_problem(call, shape)


def _prelu_problem(shared: Sequence[int] | None, shape: SymbolicShape) -> str | None:
    free = {axis + 1 for axis in range(len(shape.at[0])) if shape.at[0][axis] != shape.at[1][axis]}
    if free <= set(shared or ()):
        return None
    return "PReLU: has a weight a pixel, and the image may have any size; say 'shared_axes': [1, 2] for one a channel"


def _groups_problem(call: Call, shape: SymbolicShape) -> str | None:
    parameters, layer = call.link.parameters, call.link.layer
    groups = parameters.get("groups", 32 if layer == "GroupNormalization" else 1)
    if layer not in ("GroupNormalization", "Conv2D", "SpectralConv2D") or not isinstance(groups, int) or groups < 1:
        return None
    for what, count in (("channels", shape.channels), ("filters", parameters.get("filters", groups))):
        if count % groups:
            return f"{layer}: {count} {what} cannot be split into {groups} groups"
    return None


def sharing_problems(calls: Sequence[Call], shapes: Mapping[Place, SymbolicShape]) -> list[tuple[Call, str]]:
    """Find calls that share weights and are given other numbers of channels."""
    first: dict[str, Call] = {}
    problems = []
    for call in calls:
        other = first.setdefault(call.name, call)
        if other is call or not all(source in shapes for source in (*call.sources, *other.sources)):
            continue
        ours, theirs = (shapes[each.sources[0]].channels for each in (call, other))
        if call.link.layer in _WEIGHTED and ours != theirs:
            problems.append((call, f"shares weights with {other.where}, which reads {theirs} channels, but reads {ours}"))
    return problems
