"""What Keras finds only while it builds weights, found from the shapes instead: features that do not fit a layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from visionfw.graph.checking.expand import LayerCall, TensorId
from visionfw.graph.checking.shapes import SymbolicShape
from visionfw.graph.language.ir import Link
from visionfw.layers.facts import facts_by_name

#: Parameters that are whole numbers wherever they stand.
_COUNTS = ("filters", "units", "groups", "depth_multiplier", "kernel_size", "strides", "dilation_rate")
#: What `padding` may be in a convolution or pooling.
_PADDINGS = ("same", "valid", "causal")
#: Keras' pooling layers, by all of their names.
_POOLING = re.compile(r"(Average|Avg|Max)Pool(ing)?\dD$")


def feature_problem(call: LayerCall, shape: SymbolicShape) -> str | None:
    """Return why a layer's parameters do not fit the features of its first source, or None."""
    link = call.link
    facts = facts_by_name(link.layer)
    problem = _count_problem(link) or _padding_problem(link)
    if problem or facts.weights_follow == "pixels":
        return problem or _pixel_problem(link, shape)
    if facts.weights_follow == "channels" and shape.partial[-1] is None:
        return f"{link.layer}: the number of features depends on the image's size; give the input a size in 'shapes', or pool first"
    return _group_problem(link, facts.groups, shape)


def _count_problem(link: Link) -> str | None:
    wrong = [key for key in _COUNTS if isinstance(link.parameters.get(key), float | bool | str)]
    return f"{link.layer}: '{wrong[0]}' must be a whole number, not {link.parameters[wrong[0]]!r}" if wrong else None


def _padding_problem(link: Link) -> str | None:
    padding = link.parameters.get("padding")
    facts = facts_by_name(link.layer)
    pads = facts.group == "conv" or "padding" in (facts.takes or ()) or _POOLING.match(link.layer)
    if padding is None or not pads or str(padding).lower() in _PADDINGS:
        return None
    return f"{link.layer}: 'padding' must be 'same' or 'valid', not {padding!r}; ZeroPadding2D, ReplicatePadding and ReflectPadding pad by pixels"


def _pixel_problem(link: Link, shape: SymbolicShape) -> str | None:
    free = {axis + 1 for axis, size in enumerate(shape.partial) if size is None}
    if free <= set(link.parameters.get("shared_axes") or ()):
        return None
    return f"{link.layer}: has a weight per pixel, and the image may have any size; set 'shared_axes': [1, 2] for one per channel"


def _group_problem(link: Link, default: int | None, shape: SymbolicShape) -> str | None:
    groups: Any = link.parameters.get("groups", default)
    if default is None or not isinstance(groups, int) or groups < 1:
        return None
    for name, count in (("channels", shape.channels), ("filters", link.parameters.get("filters", groups))):
        if isinstance(count, int) and count % groups:
            return f"{link.layer}: {count} {name} cannot be split into {groups} groups"
    return None


def sharing_problems(calls: Sequence[LayerCall], shapes: Mapping[TensorId, SymbolicShape]) -> list[tuple[LayerCall, str]]:
    """Return the calls that share weights and read different numbers of channels."""
    first: dict[str, LayerCall] = {}
    problems = []
    for call in calls:
        other = first.setdefault(call.name, call)
        if other is call or not all(source in shapes for source in (*call.sources, *other.sources)):
            continue
        own, others = (shapes[each.sources[0]].channels for each in (call, other))
        if facts_by_name(call.link.layer).weights_follow == "channels" and own != others:
            problems.append((call, f"shares weights with {other.address}, which reads {others} channels, but reads {own}"))
    return problems
