"""Single values of a dictionary: nodes, counts, parameters. Whatever is read is plain JSON afterwards. No Keras here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from visionfw.graph.language.ir import Node

_NODE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class ValueProblem(ValueError):
    """A value that the language does not have; its message continues a sentence that names the place."""


def kind_of(value: Any) -> str:
    """Write a wrong value with its type, briefly, for messages."""
    return f"{type(value).__name__} {value!r}"[:60]


def read_node(value: Any) -> Node:
    """Return a node: an int, or a string of letters, digits, '_' and '-' (it becomes part of a layer's name)."""
    if isinstance(value, str):
        if _NODE_NAME.fullmatch(value):
            return value
        raise ValueProblem(f"the name {value!r} may hold only letters, digits, '_' and '-'")
    number = item(value)
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    raise ValueProblem(f"a node is a number from 0 or a name, not {value!r}")


def read_count(value: Any, name: str) -> int:
    """Return a whole number of at least 1."""
    number = item(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and number >= 1:
        return number
    raise ValueProblem(f"'{name}' must be a whole number of at least 1, not {value!r}")


def plain(value: Any) -> Any:
    """Return a parameter's value as plain JSON: tuples as lists, NumPy's numbers as Python's, 'same' for "'same'".

    Keras' initializers, regularizers and the like become {"class_name": .., "config": ..}; Keras' functions their names.
    """
    value = item(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueProblem(f"must be a finite number, not {value}")
        return value
    if isinstance(value, str):
        return _unquoted(value)
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {_key(key): plain(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "get_config") and not isinstance(value, type):
        return {"class_name": type(value).__name__, "config": plain(value.get_config())}
    if callable(value) and str(getattr(value, "__module__", "")).split(".")[0] == "keras":
        return value.__name__
    raise ValueProblem(f"must be plain data, not {type(value).__name__} {value!r}"[:120])


def item(value: Any) -> Any:
    """Turn NumPy's scalars into Python's."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def _unquoted(text: str) -> str:
    while len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return text


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueProblem(f"has a key that is not a string: {key!r}")
    return key
