"""Keras layers of the literature that Keras lacks, written with keras.ops, and faster versions of some of Keras' own.

A new layer is a class in one of these modules and one entry in `LAYERS`; `vf.register_layer` adds one from outside. The class carries what
the framework asks about it (visionfw/layers/facts.py): what it reads, and its multiply-adds. For a layer with the parameters of one of
Keras' layers, the entry says so (`like="Conv2D"`), and the language treats it as that layer.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from visionfw.errors import RequestError
from visionfw.layers.windows import Window
from visionfw.registry import Entry, Registry

__all__ = ["LAYERS", "LayerEntry", "Window", "custom_objects", "register_layer"]


@dataclass(frozen=True, kw_only=True)
class LayerEntry(Entry):
    """A layer that a dictionary can name.

    Attributes:
        like: the Keras layer whose parameters, group defaults and kernel it has; "" for a layer of its own kind.
        is_builtin: it comes with visionfw, and may stand for Keras' layer of the same name.
    """

    like: str = ""
    is_builtin: bool = False


def _entry(module: str, name: str, help: str, like: str = "") -> LayerEntry:
    return LayerEntry(name=name, target=f"visionfw.layers.{module}:{name}", help=help, like=like, is_builtin=True)


LAYERS: Registry[LayerEntry] = Registry(
    "layer",
    [
        _entry("pooling", "AdaptivePooling2D", "pools to 1/`divisor` of the height and width, by `kind` max or average, at any size"),
        _entry("fast", "BatchNormalization", "Keras' BatchNormalization, with fewer passes over the image on TensorFlow"),
        _entry("resampling", "Bicubic", "bicubic upscaling by `scale`, MATLAB's kernel (a = -0.5), never rounded"),
        _entry("attention.dictionary", "CategoryAttention", "multi-head self-attention among pixels that resemble the same token (ATD)"),
        _entry("attention.channel", "ChannelSelfAttention", "multi-head self-attention among channels, on queries, keys and values (DAT, Restormer)"),
        _entry("attention.blocks_and_grids", "BlockAttention", "multi-head attention among the pixels of blocks or grids, from queries, keys and values"),
        _entry("attention.blocks_and_grids", "BlockChannelAttention", "the same among channels, with a learned temperature"),
        _entry("channels", "ChannelRepeat", "repeats each channel `times` times"),
        _entry("channels", "ChannelShuffle", "interleaves `groups` groups of channels"),
        _entry("channels", "ChannelSlice", "keeps the channels from `start` to `stop`, as a Python slice does"),
        _entry("attention.cosine", "CosineWindowAttention", "attention inside windows by cosines, shifted by `shift` (Swin V2, Swin2SR)"),
        _entry("padding", "CropPadding", "removes what PadToMultiple added; sources: an image, and the one before padding"),
        _entry("elementwise", "Divide", "divides its first source by its second, to which `offset` is added", like="Multiply"),
        _entry("pooling", "GlobalDeviationPooling2D", "standard deviation of each channel over the image (IMDN's contrast)"),
        _entry("response_normalization", "GlobalResponseNormalization", "weighs channels by their norm over the image (ConvNeXt V2)"),
        _entry("fast", "GroupNormalization", "Keras' GroupNormalization, with fewer passes over the image on TensorFlow"),
        _entry("interpolation", "Interpolate", "enlarges by `scale` as PyTorch's interpolate does, also bicubic with a = -0.75"),
        _entry("channels", "LayerScale", "multiplies every channel by a learned factor that starts from `initial`"),
        _entry("edges", "EdgeFilter", "filters every channel by a Sobel or Laplace filter times a learned factor, without padding (ECBSR)"),
        _entry("channels", "MeanShift", "adds `sign` x `mean` to the channels; DIV2K's mean color unless given"),
        _entry("resampling", "Nearest", "nearest-neighbor upscaling by `scale`"),
        _entry("dynamic_upsampling", "OffsetUpsampling", "upscaling by `scale` that reads an image at offsets (DySample); sources: image, offsets"),
        _entry("attention.overlapping", "OverlappingWindowAttention", "queries of windows attend to larger windows around them (HAT)"),
        _entry("fast", "PReLU", "Keras' PReLU, with fewer passes over the image on TensorFlow"),
        _entry("padding", "PadToMinimum", "pads at the bottom and on the right to sides of at least `minimum`"),
        _entry("padding", "PadToMultiple", "pads at the bottom and on the right until `multiple` divides the sides"),
        _entry("attention.permuted", "PermutedWindowAttention", "attention inside windows with four pixels in each key, shifted by `shift` (SRFormer)"),
        _entry("resampling", "PixelShuffle", "sub-pixel upscaling by `size`, channels in PyTorch's order (c, i, j)"),
        _entry("resampling", "PixelUnshuffle", "moves `size` x `size` pixels into channels, in PyTorch's order (c, i, j)"),
        _entry("elementwise", "Power", "adds `offset` and raises to the power `exponent`; the square root unless given"),
        _entry("attention.window", "QkvWindowAttention", "WindowAttention on queries, keys and values of another layer, without a projection (ATD)"),
        _entry("attention.rectangle", "RectangleWindowAttention", "multi-head self-attention inside upright and flat windows (CAT, DAT, RGT)"),
        _entry("attention.recursive", "RecursiveGeneralizationAttention", "multi-head attention of all pixels to a few that represent the image (RGT)"),
        _entry("pooling", "Reduce", "a statistic, such as the mean, over channels, rows, columns or the image; axes are kept"),
        _entry("padding", "ReflectPadding", "pads by mirroring the image, the edge not repeated"),
        _entry("padding", "ReplicatePadding", "pads by repeating the edge"),
        _entry("interpolation", "ResizeLike", "resizes its first source to the size of its second, as PyTorch's interpolate does"),
        _entry("attention.image", "SelfAttention", "multi-head self-attention among all pixels"),
        _entry("embedding", "SinusoidalEmbedding", "sines and cosines of one number per image: a noise level or step"),
        _entry("spectral", "SpectralConv2D", "Conv2D with spectral normalization of its kernel", like="Conv2D"),
        _entry("attention.dictionary", "TokenDictionary", "learned tokens, the same ones for every image (ATD)"),
        _entry("attention.dictionary", "TokenMixture", "for each pixel the sum of tokens, weighted by its shares of them (ATD)"),
        _entry("attention.dictionary", "TokenRefinement", "tokens mixed with what the pixels that resemble them have become (ATD)"),
        _entry("attention.dictionary", "TokenSimilarity", "how much each pixel resembles each token, as shares of one (ATD)"),
        _entry("attention.window", "WindowAttention", "multi-head self-attention inside windows, shifted by `shift` (Swin)"),
    ],
    LayerEntry,
)


def register_layer(target: Any = None, *, name: str | None = None, like: str = "") -> Any:
    """Make a Keras layer class nameable in model dictionaries (decorator).

    Args:
        target: the class, or the name that dictionaries use for it.
        name: the same name as a keyword.
        like: the Keras layer whose parameters, group of links, group defaults and kernel the class has: "Conv2D" for a kind of convolution.

    Raises:
        RequestError: the name is taken by another class, or Keras has a layer of that name.

    Example:
        ```python
        @vf.register_layer
        class Swirl(keras.layers.Layer): ...
        ```
    """
    if isinstance(target, str):
        target, name = None, target
    if target is None:
        return lambda layer: register_layer(layer, name=name, like=like)
    if not isinstance(target, type):
        raise RequestError(f"register_layer takes a layer's class or a name, not {target!r}")
    name = name or target.__name__
    if hasattr(getattr(sys.modules.get("keras"), "layers", None), name):
        raise RequestError(f"Keras has a layer {name!r}; register yours under another name")
    return LAYERS.register(target, name=name, like=like, options={})


def custom_objects() -> dict[str, type]:
    """Return every layer that is not Keras' own by its name, as Keras' loaders take them; imports all of them."""
    return {name: LAYERS.load(name) for name in LAYERS}
