"""Parse the keys of a dictionary other than its links: inputs, outputs, shapes, scale, words. No Keras here.

Every function calls `report` with each problem it finds and returns what could be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from visionfw.errors import unknown
from visionfw.graph.language.ir import Node
from visionfw.graph.language.parse_values import ValueProblem, describe_value, parse_count, parse_node, to_plain, to_python_scalar

Report = Callable[[str], None]
#: (name, node) of a graph's inputs or outputs.
NamedNodes = tuple[tuple[str, Node], ...]


def parse_model_inputs(value: Any, report: Report) -> NamedNodes:
    """Return a model's inputs, {name: node}; without the key, node 0 is 'lr'."""
    if value is None:
        return (("lr", 0),)
    if not isinstance(value, Mapping) or not value:
        report(f"'inputs' must be {{input name: node}}, not {describe_value(value)}")
        return (("lr", 0),)
    return _named_nodes("inputs", value.items(), report)


def parse_block_inputs(value: Any, report: Report) -> NamedNodes:
    """Return a block's inputs, a list of nodes that are bound to a link's sources in order; they have no names."""
    if value is None:
        return (("", 0),)
    if not isinstance(value, list | tuple) or not value:
        report(f"a block's 'inputs' is a list of nodes, not {describe_value(value)}")
        return (("", 0),)
    return _named_nodes("inputs", (("", node) for node in value), report)


def parse_outputs(value: Any, is_block: bool, report: Report) -> NamedNodes:
    """Return outputs: a node, which is then called 'sr', or {name: node}, or a list of nodes of a block; () without the key."""
    if value is None:
        return ()
    if is_block and isinstance(value, list | tuple) and value:
        return _named_nodes("outputs", (("", node) for node in value), report)
    if isinstance(value, list | tuple | set):
        report(f"'outputs' is a node or {{output name: node}}, not {describe_value(value)}")
        return ()
    if not isinstance(value, Mapping):
        return _named_nodes("outputs", (("sr", value),), report)
    if is_block and len(value) != 1:
        report("the outputs of a block are a list of nodes, in the order of a link's targets")
    return _named_nodes("outputs", value.items(), report)


def _named_nodes(key: str, entries: Iterable[tuple[Any, Any]], report: Report) -> NamedNodes:
    pairs: list[tuple[str, Node]] = []
    for name, node in entries:
        try:
            pairs.append((str(parse_node(name)) if name != "" else "", parse_node(node)))
        except ValueProblem as problem:
            report(f"{key}: {problem}")
    nodes = [node for _, node in pairs]
    for repeated in sorted({str(node) for node in nodes if nodes.count(node) > 1}):
        report(f"{key}: node {repeated} stands twice")
    return tuple(pairs)


def parse_text(dictionary: Mapping, key: str, report: Report) -> str | None:
    """Return the string that a key holds; None without the key."""
    value = dictionary.get(key)
    if value is not None and not isinstance(value, str):
        report(f"'{key}' must be a string, not {describe_value(value)}")
        return None
    return value


def parse_choice(dictionary: Mapping, key: str, choices: Sequence[str], report: Report) -> str | None:
    """Return the word that a key holds, one of `choices`; None without the key."""
    value = parse_text(dictionary, key, report)
    if value is not None and value not in choices:
        report(unknown(key, value, choices))
        return None
    return value


def parse_whole(dictionary: Mapping, key: str, report: Report) -> int | None:
    """Return the whole number of at least 1 that a key holds; None without the key."""
    value = dictionary.get(key)
    try:
        return None if value is None else parse_count(value, key)
    except ValueProblem as problem:
        report(str(problem))
        return None


def parse_shapes(value: Any, inputs: Sequence[str], report: Report) -> dict[str, tuple[int | None, ...]]:
    """Return {input name: shape without the batch}."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        report(f"'shapes' must be {{input name: shape without the batch}}, not {describe_value(value)}")
        return {}
    shapes = {}
    for name, sizes in value.items():
        sizes = [to_python_scalar(size) for size in sizes] if isinstance(sizes, list | tuple) else sizes
        is_shape = isinstance(sizes, list) and all(size is None or (isinstance(size, int) and size > 0) for size in sizes)
        if name not in inputs:
            report(f"shapes: {unknown('input', name, inputs)}")
        elif not is_shape or not sizes:
            report(f"shapes: '{name}' must be a list of sizes such as [None, None, 3], not {describe_value(sizes)}")
        else:
            shapes[name] = tuple(sizes)
    return shapes


def parse_origin(value: Any, report: Report) -> dict[str, Any] | None:
    """Return {"model": name or file, "arguments": {name: value}}, plain; None without the key."""
    if value is None:
        return None
    if (
        not isinstance(value, Mapping)
        or set(value) != {"model", "arguments"}
        or not isinstance(value["model"], str)
        or not isinstance(value["arguments"], Mapping)
    ):
        report(f"'origin' must be {{'model': name, 'arguments': {{argument: value}}}}, not {describe_value(value)}")
        return None
    try:
        return {"model": value["model"], "arguments": {str(name): to_plain(argument) for name, argument in sorted(value["arguments"].items())}}
    except ValueProblem as problem:
        report(f"origin: an argument {problem}")
        return None
