"""Attention made of simple layers."""

from __future__ import annotations

from typing import Any

from visionfw.blocks.transformer import TRUNCATED_NORMAL


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


def contrast_channel_attention(filters: int = 64, reduced: int = 4) -> dict[str, Any]:
    """Return IMDN's channel attention: each channel is multiplied by a weight that the means and contrasts of all channels decide.

    Args:
        filters: channels of its input and output.
        reduced: channels between its two 1x1 convolutions, `conv_squeezed` and `conv_excited`.

    Reference: Hui et al. (IMDN), ACM MM 2019.
    """
    return {
        "links": [
            (0, "GlobalAveragePooling2D", "mean", {"keepdims": True}),
            (0, "GlobalDeviationPooling2D", "deviation", {"keepdims": True}),
            (("mean", "deviation"), "Add", "contrast"),
            ("contrast", "Conv2D", "squeezed", {"filters": reduced, "kernel_size": 1}),
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


def local_rectangle_attention(
    filters: int = 180, heads: int = 6, window: tuple[int, int] = (8, 32), shifted: bool = False, qkv_bias: bool = True
) -> dict[str, Any]:
    """Return attention inside rectangular windows plus a depthwise convolution of the values.

    Args:
        filters: channels of its input and output.
        heads: heads of the attention, half of them in upright and half in flat windows.
        window: height and width of the first half's windows; the second half's are turned.
        shifted: the windows are shifted by half of their sides.
        qkv_bias: queries, keys and values have a bias.

    Its layers with weights: `layer_qkv`, `layer_attended`, `conv_local`, `layer_projected`.

    Reference: Chen et al. (CAT), NeurIPS 2022; Chen et al. (RGT), ICLR 2024.
    """
    return {
        "links": [
            (0, "Dense", "qkv", {"units": 3 * filters, "use_bias": qkv_bias, "kernel_initializer": TRUNCATED_NORMAL}),
            ("qkv", "RectangleWindowAttention", "attended", {"heads": heads, "window": list(window), "shifted": shifted}),
            ("qkv", "ChannelSlice", "values", {"start": 2 * filters}),
            ("values", "DepthwiseConv2D", "local"),
            (("attended", "local"), "Add", "joined"),
            ("joined", "Dense", "projected", {"units": filters, "kernel_initializer": TRUNCATED_NORMAL}),
        ]
    }


def enhanced_spatial_attention(
    filters: int = 64, reduced: int = 16, convolutions: int = 3, convolution: str = "Conv2D", activation: str = "ReLU"
) -> dict[str, Any]:
    """Return enhanced spatial attention (ESA): every value is multiplied by a weight that its wide surroundings decide.

    Args:
        filters: channels of its input and output.
        reduced: channels inside.
        convolutions: how many 3x3 convolutions follow the pooling: 3 in RFDN and BSRN, 1 in RLFN and Omni-SR.
        convolution: the layer or block that is its 3x3 convolutions, with the parameters of `Conv2D`.
        activation: what stands between the convolutions behind the pooling.

    Its 1x1 convolutions are `reduced` at its beginning, `skipped` beside the pooling and `expanded` at its end; its 3x3 convolutions
    `strided` before the pooling and `pooled_1`, `pooled_2` and so on behind it. The reference fails at sides below 15; smaller images are
    continued by their edge here.

    Reference: Liu et al. (RFANet), CVPR 2020; with one convolution by Kong et al. (RLFN), CVPRW 2022.
    """
    inside = {"filters": reduced}
    links: list[tuple] = [
        (0, "Conv2D", "reduced", {**inside, "kernel_size": 1}),
        ("reduced", "PadToMinimum", "large_enough", {"minimum": 15}),
        ("large_enough", convolution, "strided", {**inside, "strides": 2, "padding": "valid"}),
        ("strided", "MaxPooling2D", "active_0", {"pool_size": 7, "strides": 3}),
    ]
    for number in range(1, convolutions + 1):
        links.append((f"active_{number - 1}", convolution, f"pooled_{number}", inside))
        if number < convolutions:
            links.append((f"pooled_{number}", activation, f"active_{number}"))
    links += [
        ((f"pooled_{convolutions}", 0), "ResizeLike", "enlarged", {"interpolation": "bilinear"}),
        ("reduced", "Conv2D", "skipped", {**inside, "kernel_size": 1}),
        (("enlarged", "skipped"), "Add", "sum"),
        ("sum", "Conv2D", "expanded", {"filters": filters, "kernel_size": 1}),
        ("expanded", "sigmoid", "weights"),
        ((0, "weights"), "Multiply", "out"),
    ]
    return {"links": links}
