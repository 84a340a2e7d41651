"""The spellings of links: groups with parallel lists, rows, chains, and the canonical form; one record comes from each. No Keras here.

Entries of `links` are distinguished by their length, which JSON keeps:

    [group, [sources], target, layer, {parameters}]         the canonical form
    (source or (sources), layer, target[, {parameters}])    a row: the group follows from the layer
    (source or (sources), [layer, ...], target)             a chain: layers in series, each `layer` or `(layer, {parameters})`

The nodes inside a chain are called TARGET_1, TARGET_2, ... by position. The target of a block of several outputs is a list of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visionfw.errors import unknown
from visionfw.graph.language.defaults import GROUP_KEYS, GROUPS
from visionfw.graph.language.parse_values import ValueProblem, describe_value, parse_targets

Report = Callable[[str], None]
_ENTRY = "(source or (sources), layer, target[, {parameters}]), or [group, [sources], target, layer, {parameters}]"


@dataclass(frozen=True)
class SpelledLink:
    """A link as the dictionary spells it.

    Attributes:
        group: its group; None in a row or chain, where it follows from the layer.
        nodes: (source, ..., target); the target may be a list of several.
        layer: the layer's name; None for the group's default; "" in a chain where it could not be read and is reported.
        parameters: its parameters; None for the group's defaults.
        position: where it stands: "conv[2]".
    """

    group: str | None
    nodes: Any
    layer: Any
    parameters: Any
    position: str


def spelled_links(dictionary: Mapping[str, Any], report: Report) -> Iterator[SpelledLink]:
    """Yield the links of a dictionary in all spellings.

    Args:
        dictionary: a model's or block's, with today's keys.
        report: is called with each problem.
    """
    for group in GROUPS:
        yield from _links_of_group(group, dictionary, report)
    entries = dictionary.get("links")
    if entries is None:
        return
    if not isinstance(entries, list | tuple):
        report(f"'links' must be a list, not {describe_value(entries)}")
        return
    counts = dict.fromkeys(GROUPS, 0)
    for index, entry in enumerate(entries):
        yield from _links_of_entry(entry, index, counts, report)


# --- groups ------------------------------------------------------------------------------------------------------------


def _links_of_group(group: str, dictionary: Mapping[str, Any], report: Report) -> Iterator[SpelledLink]:
    links = dictionary.get(group)
    if links is None:
        for part in GROUP_KEYS[1:]:
            if dictionary.get(group + part):
                report(f"'{group}{part}' is given without '{group}'")
        return
    if not isinstance(links, list | tuple):
        report(f"'{group}' must be a list of links (source, ..., target), not {describe_value(links)}")
        return
    layers = _one_or_each(f"{group}_sub", dictionary.get(f"{group}_sub"), len(links), (str,), report)
    parameters = _one_or_each(f"{group}_par", dictionary.get(f"{group}_par"), len(links), (Mapping,), report)
    for index, (nodes, layer, values) in enumerate(zip(links, layers, parameters, strict=True)):
        yield SpelledLink(group, nodes.tolist() if hasattr(nodes, "tolist") else nodes, layer, values, f"{group}[{index}]")


def _one_or_each(key: str, value: Any, count: int, single: tuple[type, ...], report: Report) -> list[Any]:
    """Return one value for each of `count` links: the same for all, or a list's."""
    if value is None:
        return [None] * count
    if isinstance(value, single) or callable(value):
        return [value] * count
    if not isinstance(value, list | tuple):
        report(f"'{key}' must be one value for all links or a list of one each, not {describe_value(value)}")
        return [None] * count
    if len(value) != count:
        report(f"'{key}' has {len(value)} entries for {count} links")
        return [*value, *[None] * count][:count]
    return list(value)


# --- entries of `links` ------------------------------------------------------------------------------------------------


def _links_of_entry(entry: Any, index: int, counts: dict[str, int], report: Report) -> Iterator[SpelledLink]:
    """Yield the links of one entry; `counts` numbers the canonical ones in their groups."""
    position = f"links[{index}]"
    if isinstance(entry, list | tuple) and len(entry) == 5 and isinstance(entry[1], list | tuple):
        group, sources, target, layer, parameters = entry
        if group not in GROUPS:
            report(f"{position}: {unknown('group', group, GROUPS)}")
            return
        yield SpelledLink(group, (*sources, target), layer, parameters, f"{group}[{counts[group]}]")
        counts[group] += 1
    elif not isinstance(entry, list | tuple) or len(entry) not in (3, 4):
        report(f"{position}: an entry is {_ENTRY}, not {describe_value(entry)}")
    elif isinstance(entry[1], list | tuple):
        yield from _links_of_chain(entry, position, report)
    else:
        source, layer, target, *parameters = entry
        if parameters and not isinstance(parameters[0], Mapping | None):
            report(f"{position}: a row ends in its target or its parameters, not in {describe_value(parameters[0])}; an entry is {_ENTRY}")
            return
        yield SpelledLink(None, (*_sources(source), target), None if layer == "" else layer, parameters[0] if parameters else None, position)


def _sources(source: Any) -> Sequence[Any]:
    source = source.tolist() if hasattr(source, "tolist") else source
    return source if isinstance(source, list | tuple) else (source,)


def _links_of_chain(entry: Sequence[Any], position: str, report: Report) -> Iterator[SpelledLink]:
    source, layers, target, *rest = entry
    if rest:
        report(f"{position}: a chain is (source, [layer or (layer, {{parameters}}), ...], target), with nothing after it; a canonical link has five entries")
    if not layers:
        report(f"{position}: a chain holds at least one layer")
    try:
        name = next(node for node in parse_targets(target) if node is not None)
    except ValueProblem as problem:
        report(f"{position}: {problem}")
        return
    before = _sources(source)
    for number, item in enumerate(layers, 1):
        step = f"{position}, layer {number} of {len(layers)}"
        layer, parameters = _chain_item(item, step, report)
        node = target if number == len(layers) else f"{name}_{number}"
        yield SpelledLink(None, (*before, node), layer, parameters, step)
        before = (node,)


def _chain_item(item: Any, step: str, report: Report) -> tuple[Any, Any]:
    """Return a chain's layer and its parameters; the layer is "" where it cannot be read."""
    if not isinstance(item, list | tuple):
        item = (item,)
    if len(item) not in (1, 2) or isinstance(item[0], Mapping) or (len(item) == 2 and not isinstance(item[1], Mapping | None)):
        report(f"{step}: a layer of a chain is its name or (name, {{parameters}}), not {describe_value(item[0] if len(item) == 1 else item)}")
        return "", None
    return None if item[0] == "" else item[0], item[1] if len(item) == 2 else None
