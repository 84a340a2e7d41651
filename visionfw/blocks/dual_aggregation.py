"""The attentions of the dual aggregation transformer: a window or channel attention beside a convolution, joined adaptively."""

from __future__ import annotations

from typing import Any

from visionfw.blocks.transformer import TRUNCATED_NORMAL

_POINT = {"kernel_size": 1}
_NORMALIZATION = {"epsilon": 1e-5, "momentum": 0.9}


def adaptive_spatial_attention(
    filters: int = 180, heads: int = 6, window: tuple[int, int] = (8, 32), shifted: bool = False, qkv_bias: bool = True
) -> dict[str, Any]:
    """Return attention inside rectangular windows with a depthwise convolution of the values beside it, joined by adaptive interaction.

    Args:
        filters: channels of its input and output.
        heads: heads of the attention, half of them in upright and half in flat windows.
        window: height and width of the first half's windows; the second half's are turned.
        shifted: the windows are shifted by half of their sides.
        qkv_bias: queries, keys and values have a bias.

    Its layers with weights: `layer_qkv`, `layer_attended`, `conv_local`, `norm_local_normed`, `conv_channel_1`, `norm_channel_2`,
    `conv_channel_4`, `conv_spatial_0`, `norm_spatial_1`, `conv_spatial_3`, `layer_projected`.

    Reference: Chen et al. (DAT), ICCV 2023.
    """
    attention = ("RectangleWindowAttention", {"heads": heads, "window": list(window), "shifted": shifted})
    return _joined(filters, qkv_bias, attention, channel_weights="local", spatial_weights="attended")


def adaptive_channel_attention(filters: int = 180, heads: int = 6, qkv_bias: bool = True) -> dict[str, Any]:
    """Return attention among channels with a depthwise convolution of the values beside it, joined by adaptive interaction.

    Args:
        filters: channels of its input and output.
        heads: heads of the attention.
        qkv_bias: queries, keys and values have a bias.

    Its layers have the names of those of `adaptive_spatial_attention`.

    Reference: Chen et al. (DAT), ICCV 2023.
    """
    return _joined(filters, qkv_bias, ("ChannelSelfAttention", {"heads": heads}), channel_weights="attended", spatial_weights="local")


def _joined(filters: int, qkv_bias: bool, attention: tuple[str, dict], channel_weights: str, spatial_weights: str) -> dict[str, Any]:
    """Return an attention and a convolution, `attended` and `local_active`, each multiplied by weights computed from the other.

    Args:
        filters: channels.
        qkv_bias: queries, keys and values have a bias.
        attention: the layer on queries, keys and values, and its parameters.
        channel_weights: the branch ("attended" or "local") whose means decide how channels of the other are weighted.
        spatial_weights: the branch whose pixels decide how those of the other are weighted.
    """
    nodes = {"attended": "attended", "local": "local_active"}
    other = {"attended": "local_active", "local": "attended"}
    return {
        "links": [
            (0, "Dense", "qkv", {"units": 3 * filters, "use_bias": qkv_bias, "kernel_initializer": TRUNCATED_NORMAL}),
            ("qkv", attention[0], "attended", attention[1]),
            ("qkv", "ChannelSlice", "values", {"start": 2 * filters}),
            ("values", "DepthwiseConv2D", "local"),
            ("local", "BatchNormalization", "local_normed", _NORMALIZATION),
            ("local_normed", "gelu", "local_active"),
            (nodes[channel_weights], "GlobalAveragePooling2D", "channel_0", {"keepdims": True}),
            ("channel_0", "Conv2D", "channel_1", {"filters": filters // 8, **_POINT}),
            ("channel_1", "BatchNormalization", "channel_2", _NORMALIZATION),
            ("channel_2", "gelu", "channel_3"),
            ("channel_3", "Conv2D", "channel_4", {"filters": filters, **_POINT}),
            ("channel_4", "sigmoid", "channel_map"),
            (nodes[spatial_weights], "Conv2D", "spatial_0", {"filters": filters // 16, **_POINT}),
            ("spatial_0", "BatchNormalization", "spatial_1", _NORMALIZATION),
            ("spatial_1", "gelu", "spatial_2"),
            ("spatial_2", "Conv2D", "spatial_3", {"filters": 1, **_POINT}),
            ("spatial_3", "sigmoid", "spatial_map"),
            ((other[channel_weights], "channel_map"), "Multiply", "channel_weighted"),
            ((other[spatial_weights], "spatial_map"), "Multiply", "spatial_weighted"),
            (("channel_weighted", "spatial_weighted"), "Add", "joined"),
            ("joined", "Dense", "projected", {"units": filters, "kernel_initializer": TRUNCATED_NORMAL}),
        ],
    }
