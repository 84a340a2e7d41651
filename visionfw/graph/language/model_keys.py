"""What a dictionary states beside its links: inputs, outputs, shapes, scale, words. No Keras here.

Every function takes `say`, which is called with each problem it finds, and returns what could be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from visionfw.errors import unknown
from visionfw.graph.language.ir import Node
from visionfw.graph.language.parse_values import ValueProblem, item, kind_of, read_count, read_node

Report = Callable[[str], None]
Ends = tuple[tuple[str, Node], ...]


def read_model_inputs(given: Any, report: Report) -> Ends:
    """Read a model's inputs, {name: node}; node 0 is 'lr' unless they are given."""
    if given is None:
        return (("lr", 0),)
    if not isinstance(given, Mapping) or not given:
        report(f"'inputs' must be {{input name: node}}, not {kind_of(given)}")
        return (("lr", 0),)
    return _pairs("inputs", given.items(), report)


def read_block_inputs(given: Any, report: Report) -> Ends:
    """Read a block's inputs, a list of nodes that are bound to a link's sources in order; they have no names."""
    if given is None:
        return (("", 0),)
    if not isinstance(given, list | tuple) or not given:
        report(f"a block's 'inputs' is a list of nodes, not {kind_of(given)}")
        return (("", 0),)
    return _pairs("inputs", (("", node) for node in given), report)


def read_outputs(given: Any, is_block: bool, report: Report) -> Ends:
    """Read outputs: a node, which is called 'sr', or {name: node}; () where they are not given."""
    if given is None:
        return ()
    if isinstance(given, list | tuple | set):
        report(f"'outputs' is a node or {{output name: node}}, not {kind_of(given)}")
        return ()
    if not isinstance(given, Mapping):
        return _pairs("outputs", (("sr", given),), report)
    if is_block and len(given) != 1:
        report("a block has one output")
    return _pairs("outputs", given.items(), report)


def _pairs(key: str, given: Any, report: Report) -> Ends:
    pairs = []
    for name, node in given:
        try:
            pairs.append((str(read_node(name)) if name != "" else "", read_node(node)))
        except ValueProblem as problem:
            report(f"{key}: {problem}")
    nodes = [node for _, node in pairs]
    for node in sorted({str(node) for node in nodes if nodes.count(node) > 1}):
        report(f"{key}: node {node} stands twice")
    return tuple(pairs)


def read_text(spelled: Mapping, key: str, report: Report) -> str | None:
    """Read a key that holds a string."""
    value = spelled.get(key)
    if value is not None and not isinstance(value, str):
        report(f"'{key}' must be a string, not {kind_of(value)}")
        return None
    return value


def read_choice(spelled: Mapping, key: str, choices: Sequence[str], report: Report) -> str | None:
    """Read a key that holds one of a few words."""
    value = read_text(spelled, key, report)
    if value is not None and value not in choices:
        report(unknown(key, value, choices))
        return None
    return value


def read_scale(given: Any, report: Report) -> int | None:
    """Read the declared scale, a whole number of at least 1."""
    try:
        return None if given is None else read_count(given, "scale")
    except ValueProblem as problem:
        report(str(problem))
        return None


def read_shapes(given: Any, inputs: Sequence[str], report: Report) -> dict[str, tuple[int | None, ...]]:
    """Read {input name: shape without the batch}."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        report(f"'shapes' must be {{input name: shape without the batch}}, not {kind_of(given)}")
        return {}
    shapes = {}
    for name, shape in given.items():
        shape = [item(size) for size in shape] if isinstance(shape, list | tuple) else shape
        whole = isinstance(shape, list) and all(size is None or (isinstance(size, int) and size > 0) for size in shape)
        if name not in inputs:
            report(f"shapes: {unknown('input', name, inputs)}")
        elif not whole or not shape:
            report(f"shapes: '{name}' must be a list of sizes such as [None, None, 3], not {kind_of(shape)}")
        else:
            shapes[name] = tuple(shape)
    return shapes
