"""Attention made of simple layers."""

from __future__ import annotations

from typing import Any


def channel_attention(filters: int = 64, reduced: int = 4) -> dict[str, Any]:
    """Return RCAN's channel attention: each channel is multiplied by a weight that the means of all channels decide.

    Args:
        filters: channels of its input and output.
        reduced: channels between its two 1x1 convolutions, `conv_squeezed` and `conv_excited`.

    Reference: Zhang et al. (RCAN), ECCV 2018; squeeze and excitation by Hu et al., CVPR 2018.
    """
    return {
        "links": [
            (0, "GlobalAveragePooling2D", "pooled", {"keepdims": True}),
            ("pooled", "Conv2D", "squeezed", {"filters": reduced, "kernel_size": 1}),
            ("squeezed", "ReLU", "active"),
            ("active", "Conv2D", "excited", {"filters": filters, "kernel_size": 1}),
            ("excited", "sigmoid", "weights"),
            ((0, "weights"), "Multiply", "out"),
        ]
    }


def channel_attention_block(filters: int = 180, compressed: int = 60, reduced: int = 6) -> dict[str, Any]:
    """Return HAT's channel attention block: two 3x3 convolutions with GELU between, then channel attention.

    Args:
        filters: channels of its input and output.
        compressed: channels between the convolutions `conv_compressed` and `conv_expanded`.
        reduced: channels between the convolutions of the channel attention, `block_attended`.

    Reference: Chen et al. (HAT), CVPR 2023.
    """
    return {
        "links": [
            (0, "Conv2D", "compressed", {"filters": compressed}),
            ("compressed", "gelu", "active"),
            ("active", "Conv2D", "expanded", {"filters": filters}),
            ("expanded", "channel_attention", "attended", {"filters": filters, "reduced": reduced}),
        ]
    }
