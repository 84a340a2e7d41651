"""What the framework asks about a layer: of the layer's class first, of the table of Keras' own layers otherwise. No Keras here.

A layer class outside Keras may carry these methods, all of them optional:

    receptive_window(axis) -> Window                  what an output pixel reads along image axis 0 or 1; the whole image without it
    multiply_adds(input_shape, output_shape) -> int   multiply-adds of one image, shapes with the batch (None); 0 without it
    alignment() -> int                                at multiples of how many pixels tiles must begin (windows of attention)
    value_sources: int                                how many of its sources, the first ones, are read; of the others only the size is
    has_size_of_last: bool                            its output has the height and width of its last source

A class derived from one of Keras' layers has its multiply-adds and its order of weights, but not its window: it may read more.
"""

from __future__ import annotations

from typing import Any

from visionfw.layers import LAYERS
from visionfw.layers.keras_layers import ACTIVATION_FUNCTIONS, ALIASES, KERAS_LAYERS, OPERATION_WINDOWS, REFUSED, LayerFacts, Shape
from visionfw.layers.windows import POINTWISE, WHOLE_IMAGE, Window

_UNKNOWN = LayerFacts()
#: Operations of keras.ops in blocks written as Python functions whose multiply-adds are not counted.
_MULTIPLYING_OPERATIONS = ("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv", "Matmul", "Dot", "Tensordot", "Einsum", "DotProductAttention")


def facts_by_name(name: str) -> LayerFacts:
    """Return what is known about the layer that a dictionary calls `name`."""
    name = (LAYERS.get(name).like or name) if name in LAYERS else name
    return KERAS_LAYERS.get(ALIASES.get(name, name), _UNKNOWN)


def layer_group(name: str) -> str | None:
    """Return the group of links that a layer or activation function stands in where a dictionary does not say; None for an unknown name."""
    if name in ACTIVATION_FUNCTIONS:
        return "activation"
    is_known = name in LAYERS or name in KERAS_LAYERS or name in ALIASES or name in REFUSED
    return facts_by_name(name).group if is_known else None


def all_layer_names() -> list[str]:
    """Return every name of a layer or activation function that a dictionary may hold."""
    return sorted({*LAYERS, *KERAS_LAYERS, *ALIASES, *ACTIVATION_FUNCTIONS})


def facts_of(layer: Any) -> LayerFacts:
    """Return what is known about a layer from the nearest of its classes that is Keras' own."""
    names = (kind.__name__ for kind in type(layer).__mro__ if _is_keras_own(kind))
    return next((KERAS_LAYERS[name] for name in names if name in KERAS_LAYERS), _UNKNOWN)


def receptive_window(layer: Any, sources: tuple[tuple[int | None, ...], ...], axis: int) -> Window:
    """Return what an output sample of a layer, or of an operation of keras.ops, reads along an image axis.

    Args:
        layer: a built layer or operation.
        sources: the shapes of its sources without the batch; None for a size that is not known.
        axis: 0 for rows, 1 for columns.
    """
    if hasattr(layer, "receptive_window"):
        return layer.receptive_window(axis)
    if not sources or len(sources[0]) != 3 or sources[0][axis] == 1:
        return POINTWISE
    kind = type(layer)
    if not _is_keras_own(kind):
        return WHOLE_IMAGE
    if kind.__name__ in KERAS_LAYERS and ".ops." not in kind.__module__:
        return KERAS_LAYERS[kind.__name__].window(layer, axis)
    return OPERATION_WINDOWS.get(kind.__name__, _UNKNOWN.window)(layer, axis)


def value_sources(layer: Any) -> int | None:
    """Return how many of a layer's sources, the first ones, have their values read; None for all of them."""
    return getattr(layer, "value_sources", None)


def has_size_of_last(layer: Any) -> bool:
    """Return whether a layer's output has the size of its last source."""
    return getattr(layer, "has_size_of_last", False)


def multiply_adds(layer: Any, sources: tuple[Shape, ...], output: Shape) -> int:
    """Return the multiply-adds of one call of a built layer: shapes without the batch."""
    if hasattr(layer, "multiply_adds"):
        return layer.multiply_adds((None, *(sources[0] if sources else ())), (None, *output))
    return facts_of(layer).multiply_adds(layer, sources, output)


def is_cost_known(layer: Any) -> bool:
    """Return whether a layer or operation says its multiply-adds, or is known to have those that `multiply_adds` returns."""
    kind = type(layer)
    if kind.__name__ in _MULTIPLYING_OPERATIONS and ".ops." in kind.__module__:
        return False
    comes_with_package = kind.__module__.partition(".")[0] in ("keras", "visionfw")
    return comes_with_package or hasattr(layer, "multiply_adds") or facts_of(layer) is not _UNKNOWN


def _is_keras_own(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras"
