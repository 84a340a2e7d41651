"""Convolutions that are made of several."""

from __future__ import annotations

from typing import Any


def blueprint_convolution(filters: int = 64, kernel_size: int = 3, strides: int = 1, padding: str = "same") -> dict[str, Any]:
    """Return a blueprint separable convolution (BSConv-U): a 1x1 convolution `pointwise` without bias, then a depthwise one, `depthwise`.

    Args:
        filters: channels of its output.
        kernel_size, strides, padding: of the depthwise convolution.

    Reference: Haase and Amthor, Rethinking Depthwise Separable Convolutions, CVPR 2020.
    """
    window = {"kernel_size": kernel_size, "strides": strides, "padding": padding}
    return {
        "links": [
            (0, "Conv2D", "pointwise", {"filters": filters, "kernel_size": 1, "use_bias": False}),
            ("pointwise", "DepthwiseConv2D", "depthwise", window),
        ]
    }
