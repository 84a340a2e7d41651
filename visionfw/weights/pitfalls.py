"""Warnings about settings that weight files do not record: mean shift, epsilon, cropping; and about orders that prove nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import keras
import numpy as np

from visionfw.backend.keras_internals import producer
from visionfw.weights.layouts import KERAS_EPSILON, TORCH_EPSILON
from visionfw.weights.modules import Module

#: Shapes of a 1x1 convolution from RGB to RGB, which adds or subtracts a mean color.
_MEAN_SHIFTS = ((3, 3, 1, 1), (1, 1, 3, 3))
#: Largest bias of a mean shift of images in [0, 1].
_MAX_UNIT_MEAN = 2


def parallel_layers(kinds: Sequence[Sequence[keras.layers.Layer]]) -> tuple[str, str] | None:
    """Return the names of two layers of one kind, neither of which comes behind the other: no file's order can tell them apart.

    Args:
        kinds: layers of equal shapes, each kind in the model's order.
    """
    known: dict[int, frozenset[int]] = {}
    for layers in kinds:
        for first, second in pairwise(layers):
            if id(first) not in _ancestors(second, known):
                return first.name, second.name
    return None


def _ancestors(layer: keras.layers.Layer, known: dict[int, frozenset[int]]) -> frozenset[int]:
    """Return the ids of all operations that a layer's input depends on; `known` holds those of other operations."""
    waiting = [layer]
    while waiting:
        operation = waiting[-1]
        sources = [producer(tensor)[0] for tensor in keras.tree.flatten(operation.input)]  # a shared layer counts where it stands first
        missing = [source for source in sources if id(source) not in known]
        if missing:
            waiting += missing
            continue
        known[id(operation)] = frozenset().union(*({id(source)} | known[id(source)] for source in sources))
        waiting.pop()
    return known[id(layer)]


def warnings_of(layers: Sequence[keras.layers.Layer], modules: Mapping[str, Module], used: Collection[str], layout: str) -> list[str]:
    """Return what may make the model compute something else than these weights were trained for.

    Args:
        layers: the model's layers with weights.
        modules: the file's, by name.
        used: names of the modules that were loaded.
        layout: the file's.
    """
    remarks = _mean_shift(modules, used)
    if layout != "keras":
        remarks += [_uneven_cropping(layer) for layer in layers if isinstance(layer, keras.layers.Conv2DTranspose) and _is_cropped_unevenly(layer)]
    if layout == "pytorch":
        norms = [layer for layer in layers if isinstance(layer, keras.layers.LayerNormalization | keras.layers.GroupNormalization)]
        remarks += [_other_epsilon(layer) for layer in norms if layer.epsilon == KERAS_EPSILON][:1]
    return remarks


def _mean_shift(modules: Mapping[str, Module], used: Collection[str]) -> list[str]:
    """Return a warning where the file holds a mean shift of images in 0..255."""
    for name, module in modules.items():
        weight, bias = module.get("weight"), module.get("bias")
        if name in used or weight is None or bias is None or weight.shape not in _MEAN_SHIFTS:
            continue
        mean = np.abs(bias).max()
        if mean > _MAX_UNIT_MEAN:
            hint = "these weights are for pixels of 0..255, so put a Rescaling of 255 before and of 1/255 behind"
            return [f"{name} subtracts a mean of {mean:.0f}: {hint}"]
    return []


def _is_cropped_unevenly(layer: keras.layers.Conv2DTranspose) -> bool:
    return layer.padding == "same" and any((kernel - stride) % 2 for kernel, stride in zip(layer.kernel_size, layer.strides, strict=True))


def _uneven_cropping(layer: keras.layers.Layer) -> str:
    return f"{layer.name}: 'same' crops this transposed convolution unevenly, and the original may crop differently; 'valid' and a Cropping2D are explicit"


def _other_epsilon(layer: keras.layers.Layer) -> str:
    defaults = f"Keras' default {layer.epsilon:g}, PyTorch's is {TORCH_EPSILON:g}"
    return f"{layer.name}: its epsilon is {defaults}; make sure that the dictionary says that of the original"
