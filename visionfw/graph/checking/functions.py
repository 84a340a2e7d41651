"""What is inside a block that is a Python function: the operations between its source tensors and its result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras

from visionfw.backend.keras_internals import producer


def operations_between(sources: Sequence[keras.KerasTensor], output: keras.KerasTensor) -> Iterator[tuple[Any, list, Any]]:
    """Yield (operation, its input tensors, its output tensor) between `sources` and `output`, inputs before their uses."""
    visited = {id(source) for source in sources}
    order: list[tuple[Any, list, Any]] = []

    def visit(tensor: keras.KerasTensor) -> None:
        if id(tensor) in visited:
            return
        visited.add(id(tensor))
        operation, inputs = producer(tensor)
        for source in inputs:
            visit(source)
        order.append((operation, inputs, tensor))

    visit(output)
    yield from order
