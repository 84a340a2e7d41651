"""One strict kind of table, name -> object. Nothing is overwritten, nothing registers itself by being found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from visionfw.errors import RequestError, unknown


class Registry:
    """A table of named objects of one kind.

    Args:
        kind: what the entries are, in the singular, for messages ("layer").
    """

    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, Any] = {}

    def add(self, name: str, entry: Any) -> None:
        """Enter `entry` under `name`. Raises RequestError where the name is taken by another object."""
        if not isinstance(name, str) or not name:
            raise RequestError(f"a {self.kind}'s name must be a non-empty string, not {name!r}")
        if name in self._entries and self._entries[name] is not entry:
            raise RequestError(f"a {self.kind} {name!r} is registered already; choose another name")
        self._entries[name] = entry

    def get(self, name: str) -> Any:
        """Return the entry. Raises RequestError with the nearest name where there is none."""
        if name not in self._entries:
            raise RequestError(unknown(self.kind, name, self._entries))
        return self._entries[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    @contextmanager
    def temporary(self, name: str, entry: Any) -> Iterator[None]:
        """Hold an entry for the length of a `with` block (for tests)."""
        self.add(name, entry)
        try:
            yield
        finally:
            del self._entries[name]

    def decorator(self, given: Callable | str | None = None) -> Callable:
        """Serve as `@register` or `@register("name")`; the name defaults to the object's own."""
        if callable(given):
            self.add(given.__name__, given)
            return given

        def enter(entry: Callable) -> Callable:
            self.add(given or entry.__name__, entry)
            return entry

        return enter


layers = Registry("layer")
blocks = Registry("block")


def register_layer(given: type | str | None = None) -> Callable:
    """Make a Keras layer class nameable in model dictionaries, under its own or a given name (decorator).

    Args:
        given: the class, or the name that dictionaries use for it.

    Raises:
        RequestError: the name is taken by another class.

    Example:
        @vf.register_layer
        class Swirl(keras.layers.Layer): ...
    """
    if not isinstance(given, type | str | None):
        raise RequestError(f"register_layer takes a layer's class or a name, not {given!r}")
    name = given.__name__ if isinstance(given, type) else given
    if name is not None and hasattr(getattr(sys.modules.get("keras"), "layers", None), name):
        raise RequestError(f"Keras has a layer {name!r}; register yours under another name")
    return layers.decorator(given)


def register_block(given: Callable | str | None = None) -> Callable:
    """Make a block nameable in every model dictionary (decorator).

    Args:
        given: a function of a list of tensors that returns a tensor (its first argument has no default), or a function whose
            arguments all have defaults and that returns a dictionary of links. A link's parameters become its keyword arguments.

    Raises:
        RequestError: the name is taken by another block.
    """
    return blocks.decorator(given)
