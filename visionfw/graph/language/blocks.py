"""Blocks that every model dictionary can name, besides those it defines itself."""

from __future__ import annotations

from typing import Any

from visionfw.errors import RequestError
from visionfw.registry import Entry, Registry


def _entry(module: str, name: str, help: str) -> Entry:
    return Entry(name=name, target=f"visionfw.blocks.{module}:{name}", help=help)


BLOCKS: Registry[Entry] = Registry(
    "block",
    [
        _entry("dual_aggregation", "adaptive_channel_attention", "DAT's attention among channels beside a convolution, joined by adaptive interaction"),
        _entry("dual_aggregation", "adaptive_spatial_attention", "DAT's attention inside windows beside a convolution, joined by adaptive interaction"),
        _entry("convolutions", "blueprint_convolution", "a 1x1 convolution, then a depthwise one, in place of a convolution (BSRN)"),
        _entry("attention", "channel_attention", "RCAN's weights of channels, from their means by two 1x1 convolutions"),
        _entry("attention", "channel_attention_block", "HAT's two convolutions and channel attention"),
        _entry("attention", "contrast_channel_attention", "IMDN's weights of channels, from their means and contrasts by two 1x1 convolutions"),
        _entry("feed_forward", "convolutional_feed_forward", "two dense layers with a depthwise convolution added between (SRFormer, ATD)"),
        _entry("hybrid_attention", "hybrid_attention_group", "HAT's residual group: hybrid layers, attention to overlapping windows, a convolution"),
        _entry("hybrid_attention", "hybrid_attention_layer", "HAT's attention inside windows beside a channel attention block, then an MLP"),
        _entry("attention", "local_rectangle_attention", "attention inside rectangular windows plus a depthwise convolution of the values (CAT, RGT)"),
        _entry("transformer", "mlp", "two dense layers with GELU between, at every pixel"),
        _entry("dynamic_upsampling", "dysample", "upsampling by `scale` that reads each pixel at a learned offset"),
        _entry("attention", "enhanced_spatial_attention", "weights of all values from their wide surroundings (RFANet, RFDN, RLFN, Omni-SR)"),
        _entry("large_kernels", "elementwise_attention", "PLKSR's weights of all values, from a 3x3 convolution"),
        _entry("large_kernels", "partial_convolution", "a convolution with a large kernel on the first `partial` of all channels"),
        _entry("upsampling", "pixel_shuffle_upsampler", "stages of a convolution and a pixel shuffle that enlarge by `scale`"),
        _entry("upsampling", "reconstruction", "the end of a restoration transformer, by `upsampler`, enlarges by `scale`"),
        _entry("transformer", "residual_convolution", "the convolution that ends a residual group of transformer layers: 1conv or 3conv"),
        _entry("feed_forward", "spatial_gate_feed_forward", "DAT's two dense layers; a depthwise convolution of half of the features gates the other"),
        _entry("transformer", "swin_group", "SwinIR's residual group: Swin layers, shifted in turn, and a convolution"),
        _entry("transformer", "swin_layer", "attention inside (shifted) windows, then an MLP, each in a residual connection"),
        _entry("transformer", "transformer_layer", "any attention and any MLP, each behind a layer normalization in a residual connection"),
    ],
)


def register_block(target: Any = None, *, name: str | None = None) -> Any:
    """Make a block nameable in every model dictionary (decorator).

    Args:
        target: a function of a list of tensors that returns a tensor (its first argument has no default), or a function whose
            arguments all have defaults and that returns a dictionary of links; or the block's name. A link's parameters become its
            keyword arguments.
        name: the name that dictionaries use; the function's own unless given.

    Raises:
        RequestError: the name is taken by another block.
    """
    if isinstance(target, str):
        target, name = None, target
    if target is None:
        return lambda function: register_block(function, name=name)
    if not callable(target):
        raise RequestError(f"register_block takes a function or a name, not {target!r}")
    return BLOCKS.register(target, name=name, options={})
