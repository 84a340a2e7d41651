"""What cannot be read off weights and goes wrong around them: things that a remark can warn of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import keras
import numpy as np

from visionfw.backend.keras_internals import producer
from visionfw.weights.layouts import TORCH_EPSILON
from visionfw.weights.modules import Module


def side_by_side(kinds: Sequence[Sequence[keras.layers.Layer]]) -> tuple[str, str] | None:
    """Return two layers of one kind of which neither comes behind the other: the order of a file cannot tell them apart.

    Args:
        kinds: layers of equal shapes, each kind in the model's order.
    """
    seen: dict[int, frozenset[int]] = {}
    for alike in kinds:
        for first, second in pairwise(alike):
            if id(first) not in _before(second, seen):
                return first.name, second.name
    return None


def _before(layer: keras.layers.Layer, seen: dict[int, frozenset[int]]) -> frozenset[int]:
    """Return the identities of all operations that a layer's input depends on."""
    waiting = [layer]
    while waiting:
        operation = waiting[-1]
        sources = [producer(tensor)[0] for tensor in keras.tree.flatten(operation.input)]  # a shared layer counts where it stands first
        missing = [source for source in sources if id(source) not in seen]
        if missing:
            waiting += missing
            continue
        seen[id(operation)] = frozenset().union(*({id(source)} | seen[id(source)] for source in sources))
        waiting.pop()
    return seen[id(layer)]


def _is_lopsided(layer: keras.layers.Conv2DTranspose) -> bool:
    return any((kernel - stride) % 2 for kernel, stride in zip(layer.kernel_size, layer.strides, strict=True))


def warnings_of(layers: Sequence[keras.layers.Layer], modules: Mapping[str, Module], used: Collection[str], layout: str) -> list[str]:
    """Say what stands around these weights and may make the model another one than theirs."""
    found = []
    for name, module in modules.items():
        weight, bias = module.get("weight"), module.get("bias")
        if name not in used and bias is not None and weight is not None and weight.shape in ((3, 3, 1, 1), (1, 1, 3, 3)) and np.abs(bias).max() > 2:
            mean = f"{name} takes off a mean of {np.abs(bias).max():.0f}"
            found.append(f"{mean}: these weights are for pixels of 0..255, so put a Rescaling of 255 before and of 1/255 behind")
            break
    if layout == "keras":
        return found
    for layer in layers:
        if isinstance(layer, keras.layers.Conv2DTranspose) and layer.padding == "same" and _is_lopsided(layer):
            found.append(f"{layer.name}: 'same' crops this transposed convolution unevenly, theirs may crop otherwise; 'valid' and a Cropping2D say it exactly")
    eps = [
        layer.name
        for layer in layers
        if isinstance(layer, keras.layers.LayerNormalization | keras.layers.GroupNormalization) and layer.epsilon != TORCH_EPSILON
    ]
    if eps and layout == "pytorch":
        found.append(f"{eps[0]}: its epsilon is not PyTorch's {TORCH_EPSILON:g}; say it in the dictionary")
    return found
