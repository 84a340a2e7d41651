"""What Keras offers under no public name. The only module that may use Keras' private attributes.

Everything here is checked against the Keras versions that setup.py allows; a release that renames one of these attributes breaks this
file alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.backend.common import global_state


def producer(tensor: keras.KerasTensor) -> tuple[Any, list[keras.KerasTensor]]:
    """Return the operation call that made a symbolic tensor.

    `Operation.input` only knows an operation's first call; a shared layer has several.

    Args:
        tensor: a tensor of a functional graph.

    Returns:
        The operation (a layer, or a function of keras.ops), and the tensors that this call of it took, in order; none for an input.
    """
    operation, node_index, _ = tensor._keras_history
    return operation, list(operation._inbound_nodes[node_index].input_tensors)


def rename_operation(operation: Any, name: str) -> None:
    """Rename a layer or operation after it was built. Its variables keep the paths under which they were created."""
    operation.name = name


def variable_index(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> int:
    """Return the position of a variable among those that an optimizer was built with."""
    return optimizer._get_variable_index(variable)


def backend_optimizer_class(kind: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Return the class that `kind(...)` makes under the current backend: on PyTorch a subclass that updates all variables at once."""
    instance: keras.optimizers.Optimizer = kind.__new__(kind)  # type: ignore[call-overload]
    return type(instance)


def built_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the variables that an optimizer was built with."""
    return list(optimizer._trainable_variables)


@contextmanager
def without_allocation() -> Iterator[None]:
    """Give the variables of layers that are built inside the `with` block shapes, but no values: no memory, no time, no random numbers.

    For counting the parameters of a model that is never computed. `keras.StatelessScope` defers initialization; Keras keeps a list of
    the deferred variables, from which these are removed.
    """
    pending = list(global_state.get_global_attribute("uninitialized_variables", []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", pending)
