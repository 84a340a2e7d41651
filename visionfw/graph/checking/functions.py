"""Blocks that are Python functions: where they are found, and what is inside what they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import keras

from visionfw.backend.keras_internals import producer

_GROUPS_OF_LINKS = ("block", "conv", "convo", "activation", "aactv", "norm", "btnrm", "merge", "layer")


def functions_of(frame: FrameType, dictionary: Any) -> dict[str, Callable]:
    """Return the functions that a dictionary may name as blocks: those defined in the module (or notebook) in which a frame runs.

    None for a dictionary without a tuple among its links: what was read from JSON has lists alone, and must not reach code.
    """
    if not isinstance(dictionary, Mapping) or not _was_typed(dictionary):
        return {}
    scope = frame.f_globals
    return {name: entry for name, entry in scope.items() if getattr(entry, "__globals__", None) is scope}


def _was_typed(dictionary: Mapping[str, Any]) -> bool:
    links = (dictionary.get(group) for group in _GROUPS_OF_LINKS)
    return any(isinstance(link, tuple) for entries in links if isinstance(entries, list | tuple) for link in entries)


def operations_between(sources: Sequence[keras.KerasTensor], made: keras.KerasTensor) -> Iterator[tuple[Any, list, Any]]:
    """Yield (operation, its input tensors, its output tensor) on the way from `sources` to `made`, in the order of the data."""
    done = {id(source) for source in sources}
    order: list[tuple[Any, list, Any]] = []

    def visit(tensor: keras.KerasTensor) -> None:
        if id(tensor) in done:
            return
        done.add(id(tensor))
        operation, inputs = producer(tensor)
        for source in inputs:
            visit(source)
        order.append((operation, inputs, tensor))

    visit(made)
    yield from order
