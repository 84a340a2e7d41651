"""Keras layers of the literature that Keras lacks, written with keras.ops, and faster versions of some of Keras' own.

Every layer has `receptive_step() -> (taps, stride)` for one dimension: how many input samples an output sample reads, and how many
input samples lie between two output samples (1/4 for a layer that upscales by 4). SpectralConv2D is treated as the Conv2D that it is.

A new layer is one entry here; `vf.register_layer` adds one from outside.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from visionfw.errors import RequestError
from visionfw.registry import Entry, Registry


@dataclass(frozen=True, kw_only=True)
class LayerEntry(Entry):
    """A layer that a dictionary can name.

    Attributes:
        is_builtin: it comes with visionfw, and may stand for Keras' layer of the same name.
    """

    is_builtin: bool = False


def _entry(module: str, name: str, help: str) -> LayerEntry:
    return LayerEntry(name=name, target=f"visionfw.layers.{module}:{name}", help=help, is_builtin=True)


LAYERS: Registry[LayerEntry] = Registry(
    "layer",
    [
        _entry("fast", "BatchNormalization", "Keras' own, in fewer passes over images on TensorFlow"),
        _entry("resampling", "Bicubic", "MATLAB's bicubic upscaling"),
        _entry("channels", "ChannelSlice", "keeps a range of channels"),
        _entry("pooling", "GlobalDeviationPooling2D", "standard deviation of every channel over the image"),
        _entry("fast", "GroupNormalization", "Keras' own, in two passes over images on TensorFlow"),
        _entry("channels", "MeanShift", "adds or subtracts a mean color"),
        _entry("resampling", "Nearest", "nearest-neighbor upscaling"),
        _entry("fast", "PReLU", "Keras' own, in fewer passes on TensorFlow"),
        _entry("resampling", "PixelShuffle", "depth to space in PyTorch's channel order"),
        _entry("padding", "ReflectPadding", "padding by reflection"),
        _entry("padding", "ReplicatePadding", "padding by the edge's pixels"),
        _entry("attention", "SelfAttention", "every pixel attends to all others"),
        _entry("embedding", "SinusoidalEmbedding", "sines and cosines of a noise level or step"),
        _entry("spectral", "SpectralConv2D", "Conv2D with spectral normalization"),
        _entry("attention", "WindowAttention", "self-attention inside windows, with an optional shift"),
    ],
    LayerEntry,
)


def register_layer(target: Any = None, *, name: str | None = None) -> Any:
    """Make a Keras layer class nameable in model dictionaries (decorator).

    Args:
        target: the class, or the name that dictionaries use for it.
        name: the same name as a keyword.

    Raises:
        RequestError: the name is taken by another class, or Keras has a layer of that name.

    Example:
        @vf.register_layer
        class Swirl(keras.layers.Layer): ...
    """
    if isinstance(target, str):
        target, name = None, target
    if target is None:
        return lambda layer: register_layer(layer, name=name)
    if not isinstance(target, type):
        raise RequestError(f"register_layer takes a layer's class or a name, not {target!r}")
    name = name or target.__name__
    if hasattr(getattr(sys.modules.get("keras"), "layers", None), name):
        raise RequestError(f"Keras has a layer {name!r}; register yours under another name")
    return LAYERS.register(target, name=name, options={})


def custom_objects() -> dict[str, type]:
    """Return every layer that is not Keras' own by its name, as Keras' loaders take them; imports all of them."""
    return {name: LAYERS.load(name) for name in LAYERS}
