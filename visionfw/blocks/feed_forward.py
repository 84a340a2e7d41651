"""Feed-forward networks of transformers that look at neighboring pixels too."""

from __future__ import annotations

from typing import Any

from visionfw.blocks.transformer import TRUNCATED_NORMAL


def spatial_gate_feed_forward(filters: int = 180, hidden: int = 360) -> dict[str, Any]:
    """Return a spatial-gate feed-forward network: half of the hidden features times a depthwise convolution of the other half.

    Args:
        filters: channels of its output.
        hidden: features after the first dense layer; half of them reach the second. An even number.

    Its layers with weights: `layer_fc1`, `norm_gate`, `conv_gate_convolved`, `layer_fc2`.

    Reference: Chen et al. (DAT), ICCV 2023.
    """
    return {
        "links": [
            (0, "Dense", "fc1", {"units": hidden, "kernel_initializer": TRUNCATED_NORMAL}),
            ("fc1", "gelu", "active"),
            ("active", "ChannelSlice", "kept", {"stop": hidden // 2}),
            ("active", "ChannelSlice", "other", {"start": hidden // 2}),
            ("other", "LayerNormalization", "gate", {"epsilon": 1e-5}),
            ("gate", "DepthwiseConv2D", "gate_convolved"),
            (("kept", "gate_convolved"), "Multiply", "gated"),
            ("gated", "Dense", "fc2", {"units": filters, "kernel_initializer": TRUNCATED_NORMAL}),
        ],
    }


def convolutional_feed_forward(filters: int = 90, hidden: int = 180, kernel_size: int = 5) -> dict[str, Any]:
    """Return a feed-forward network that adds a depthwise convolution of its hidden features to them.

    Args:
        filters: channels of its output.
        hidden: features between its dense layers.
        kernel_size: of the convolution.

    Its layers with weights: `layer_fc1`, `conv_local`, `layer_fc2`.

    Reference: Zhou et al. (SRFormer), ICCV 2023; Zhang et al. (ATD), CVPR 2024.
    """
    return {
        "links": [
            (0, "Dense", "fc1", {"units": hidden, "kernel_initializer": TRUNCATED_NORMAL}),
            ("fc1", "gelu", "active"),
            ("active", "DepthwiseConv2D", "local", {"kernel_size": kernel_size}),
            ("local", "gelu", "local_active"),
            (("active", "local_active"), "Add", "joined"),
            ("joined", "Dense", "fc2", {"units": filters, "kernel_initializer": TRUNCATED_NORMAL}),
        ],
    }
