"""Parse single values of a dictionary: nodes, counts, parameters. Everything that is parsed is plain JSON afterwards. No Keras here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from visionfw.graph.language.defaults import LINK_PARAMETERS
from visionfw.graph.language.ir import Node

NODE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class ValueProblem(ValueError):
    """A value that the language does not have; its message continues a sentence that names the place."""


def describe_value(value: Any) -> str:
    """Write a wrong value with its type, briefly, for messages."""
    return f"{type(value).__name__} {value!r}"[:60]


def parse_node(value: Any) -> Node:
    """Return a node: an int, or a string of letters, digits, '_' and '-' (it becomes part of a layer's name).

    Raises:
        ValueProblem: it is neither.
    """
    if isinstance(value, str):
        if NODE_NAME.fullmatch(value):
            return value
        raise ValueProblem(f"the name {value!r} may hold only letters, digits, '_' and '-'")
    number = to_python_scalar(value)
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    raise ValueProblem(f"a node is a number from 0 or a name, not {value!r}")


def parse_targets(value: Any) -> tuple[Node | None, ...]:
    """Return a link's targets: a node, or a list of one for each output of a block, None for one that is not used.

    Raises:
        ValueProblem: something in it is no node, or there is none.
    """
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        return (parse_node(value),)
    targets = tuple(None if node is None else parse_node(node) for node in value)
    if all(node is None for node in targets):
        raise ValueProblem(f"a link has a target, and {describe_value(value)} is none")
    return targets


def parse_count(value: Any, name: str) -> int:
    """Return a whole number of at least 1. Raises ValueProblem for anything else, naming it by its key `name`."""
    number = to_python_scalar(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and number >= 1:
        return number
    raise ValueProblem(f"'{name}' must be a whole number of at least 1, not {value!r}")


def parse_repeat(value: Any) -> tuple[int | str | None, tuple[Mapping[str, Any], ...] | None]:
    """Return how many copies `repeat` asks for, and the parameters of each copy where it is a list of them.

    The value "$NAME" of a block's parameter is returned as it is.

    Raises:
        ValueProblem: it is neither a whole number of at least 1, nor a list of dictionaries.
    """
    if value is None or (isinstance(value, str) and value.startswith("$")):
        return value, None
    if not isinstance(value, list | tuple):
        return parse_count(value, "repeat"), None
    if not value or not all(isinstance(copy, Mapping) for copy in value):
        raise ValueProblem(f"'repeat' is a number of copies, or a list of a dictionary of parameters for each copy, not {describe_value(value)}")
    copies = []
    for number, copy in enumerate(value):
        inner = [key for key in copy if key in LINK_PARAMETERS]
        if inner:
            raise ValueProblem(f"repeat: copy {number} has its own {inner[0]!r}; it belongs to the link")
        try:
            copies.append(to_plain(copy))
        except ValueProblem as problem:
            raise ValueProblem(f"repeat: a parameter of copy {number} {problem}") from None
    return len(copies), tuple(copies)


def to_plain(value: Any) -> Any:
    """Return a parameter's value as plain JSON: tuples as lists, NumPy's numbers as Python's, 'same' for "'same'".

    Keras' initializers, regularizers and the like become {"class_name": .., "config": ..}; Keras' functions their names.

    Raises:
        ValueProblem: it is an object of another kind, or a number that is not finite.
    """
    value = to_python_scalar(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueProblem(f"must be a finite number, not {value}")
        return value
    if isinstance(value, str):
        return _without_quotes(value)
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {_parse_key(key): to_plain(entry) for key, entry in value.items()}
    return _object_to_plain(value)


def _object_to_plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": to_plain(value.get_config())}
    if callable(value) and str(getattr(value, "__module__", "")).split(".")[0] == "keras":
        return value.__name__
    raise ValueProblem(f"must be plain data, not {type(value).__name__} {value!r}"[:120])


def to_python_scalar(value: Any) -> Any:
    """Return NumPy's scalars as Python's; anything else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def _without_quotes(text: str) -> str:
    while len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return text


def _parse_key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueProblem(f"has a key that is not a string: {key!r}")
    return key
