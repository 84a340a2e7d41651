"""What a dictionary states beside its links: inputs, outputs, shapes, scale, words. No Keras here.

Every function takes `say`, which is called with each problem it finds, and returns what could be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from visionfw.errors import unknown
from visionfw.graph.records import Node
from visionfw.graph.values import ValueProblem, item, kind_of, read_count, read_node

Say = Callable[[str], None]
Ends = tuple[tuple[str, Node], ...]


def read_model_inputs(given: Any, say: Say) -> Ends:
    """Read a model's inputs, {name: node}; node 0 is 'lr' unless they are given."""
    if given is None:
        return (("lr", 0),)
    if not isinstance(given, Mapping) or not given:
        say(f"'inputs' must be {{input name: node}}, not {kind_of(given)}")
        return (("lr", 0),)
    return _pairs("inputs", given.items(), say)


def read_block_inputs(given: Any, say: Say) -> Ends:
    """Read a block's inputs, a list of nodes that are bound to a link's sources in order; they have no names."""
    if given is None:
        return (("", 0),)
    if not isinstance(given, list | tuple) or not given:
        say(f"a block's 'inputs' is a list of nodes, not {kind_of(given)}")
        return (("", 0),)
    return _pairs("inputs", (("", node) for node in given), say)


def read_outputs(given: Any, is_block: bool, say: Say) -> Ends:
    """Read outputs: a node, which is called 'sr', or {name: node}; () where they are not given."""
    if given is None:
        return ()
    if isinstance(given, list | tuple | set):
        say(f"'outputs' is a node or {{output name: node}}, not {kind_of(given)}")
        return ()
    if not isinstance(given, Mapping):
        return _pairs("outputs", (("sr", given),), say)
    if is_block and len(given) != 1:
        say("a block has one output")
    return _pairs("outputs", given.items(), say)


def _pairs(key: str, given: Any, say: Say) -> Ends:
    pairs = []
    for name, node in given:
        try:
            pairs.append((str(read_node(name)) if name != "" else "", read_node(node)))
        except ValueProblem as problem:
            say(f"{key}: {problem}")
    nodes = [node for _, node in pairs]
    for node in sorted({str(node) for node in nodes if nodes.count(node) > 1}):
        say(f"{key}: node {node} stands twice")
    return tuple(pairs)


def read_text(spelled: Mapping, key: str, say: Say) -> str | None:
    """Read a key that holds a string."""
    value = spelled.get(key)
    if value is not None and not isinstance(value, str):
        say(f"'{key}' must be a string, not {kind_of(value)}")
        return None
    return value


def read_choice(spelled: Mapping, key: str, choices: Sequence[str], say: Say) -> str | None:
    """Read a key that holds one of a few words."""
    value = read_text(spelled, key, say)
    if value is not None and value not in choices:
        say(unknown(key, value, choices))
        return None
    return value


def read_scale(given: Any, say: Say) -> int | None:
    """Read the declared scale, a whole number of at least 1."""
    try:
        return None if given is None else read_count(given, "scale")
    except ValueProblem as problem:
        say(str(problem))
        return None


def read_shapes(given: Any, inputs: Sequence[str], say: Say) -> dict[str, tuple[int | None, ...]]:
    """Read {input name: shape without the batch}."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        say(f"'shapes' must be {{input name: shape without the batch}}, not {kind_of(given)}")
        return {}
    shapes = {}
    for name, shape in given.items():
        shape = [item(size) for size in shape] if isinstance(shape, list | tuple) else shape
        whole = isinstance(shape, list) and all(size is None or (isinstance(size, int) and size > 0) for size in shape)
        if name not in inputs:
            say(f"shapes: {unknown('input', name, inputs)}")
        elif not whole or not shape:
            say(f"shapes: '{name}' must be a list of sizes such as [None, None, 3], not {kind_of(shape)}")
        else:
            shapes[name] = tuple(shape)
    return shapes
