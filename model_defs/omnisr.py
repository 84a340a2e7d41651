"""Omni-SR: attention among pixels and among channels, each inside small blocks and over the whole image.

Wang et al., Omni Aggregation Networks for Lightweight Image Super-Resolution, CVPR 2023. https://arxiv.org/abs/2304.10244

Defaults: as published, 5 groups of one block, 64 features, windows of 8.

    python train.py --model=omnisr --optimizer=adamw --batch_size=64 --learning_rate=5e-4 --patch_size=64 --train_data=DIV2K --steps=800000

Published, x4, Y: Set5 32.49, Set14 28.78, BSD100 27.71 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("window",)


def omnisr(*, scale=4, groups=5, blocks=1, filters=64, window=8, position_bias=True, bias=True, color="rgb"):
    """Return Omni-SR's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        groups: number of groups.
        blocks: blocks in a group, each of one convolutional part and four attentions.
        filters: features; 4 divides them.
        window: side of a block of pixels.
        position_bias: the attentions among pixels learn a bias for each relative position.
        bias: the convolutions outside the blocks have a bias.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    if filters % 4:
        raise ValueError(f"filters must be divisible by 4, not {filters}")
    plain = {"use_bias": bias}
    group = [
        (0, "osa", "body", {"repeat": blocks}),
        ("body", "Conv2D", "fused", {"kernel_size": 1, **plain}),
        ((0, "fused"), "Add", "sum"),
        ("sum", "enhanced_spatial_attention", "esa", {"filters": filters, "reduced": max(filters // 4, 16), "convolutions": 1}),
    ]
    return {
        "name": "Omni-SR",
        "paper": "https://arxiv.org/abs/2304.10244",
        "scale": scale,
        "color": color,
        "multiple": window,
        "edge": "zeros",
        "defaults": {"conv": {"filters": filters}},
        "blocks": {
            "group": {"links": group},
            "osa": {"links": _OSA},
            "mbconv": {"links": _mbconv(filters)},
            "feed_forward": {"links": _feed_forward(filters)},
            "pixels_of_blocks": {"links": _pixel_attention(filters, window, False, position_bias)},
            "pixels_of_grids": {"links": _pixel_attention(filters, window, True, position_bias)},
            "channels_of_blocks": {"links": _channel_attention(filters, window, False)},
            "channels_of_grids": {"links": _channel_attention(filters, window, True)},
        },
        "links": [
            (0, "Conv2D", "input", plain),
            ("input", "group", "groups", {"repeat": groups}),
            ("groups", "Conv2D", "output", plain),
            (("input", "output"), "Add", "features"),
            ("features", "Conv2D", "pixels", {"filters": {"rgb": 3, "y": 1}[color] * scale**2, **plain}),
            ("pixels", "PixelShuffle", "sr", {"size": scale}),
        ],
    }


#: An omni self-attention block. The reference numbers its parts, and counts the rearrangements between them.
_OSA = [
    (0, "mbconv", "layer_0"),
    ("layer_0", "pixels_of_blocks", "layer_2"),
    ("layer_2", "feed_forward", "layer_4"),
    ("layer_4", "channels_of_blocks", "layer_5"),
    ("layer_5", "feed_forward", "layer_6"),
    ("layer_6", "pixels_of_grids", "layer_8"),
    ("layer_8", "feed_forward", "layer_10"),
    ("layer_10", "channels_of_grids", "layer_11"),
    ("layer_11", "feed_forward", "layer_12"),
]


def _mbconv(filters):
    """Return the links of an inverted bottleneck that does not widen, with squeeze and excitation."""
    return [
        (0, "Conv2D", "fn_0", {"kernel_size": 1}),
        ("fn_0", "gelu", "active_0"),
        ("active_0", "DepthwiseConv2D", "fn_2"),
        ("fn_2", "gelu", "active_2"),
        ("active_2", "GlobalAveragePooling2D", "pooled", {"keepdims": True}),
        ("pooled", "Dense", "gate_1", {"units": filters // 4, "use_bias": False}),
        ("gate_1", "silu", "gate_silu"),
        ("gate_silu", "Dense", "gate_3", {"units": filters, "use_bias": False}),
        ("gate_3", "sigmoid", "gate"),
        (("active_2", "gate"), "Multiply", "gated"),
        ("gated", "Conv2D", "fn_5", {"kernel_size": 1}),
        ((0, "fn_5"), "Add", "sum"),
    ]


def _pixel_attention(filters, window, grid, position_bias):
    """Return the links of normalization and attention among the pixels of each group, in a residual connection."""
    options = {"heads": 4, "window": window, "grid": grid, "position_bias": position_bias}
    return [
        (0, "LayerNormalization", "norm", {"epsilon": 1e-5}),
        ("norm", "Dense", "to_qkv", {"units": 3 * filters, "use_bias": False}),
        ("to_qkv", "BlockAttention", "attention", options),
        ("attention", "Dense", "to_out", {"units": filters, "use_bias": False}),
        ((0, "to_out"), "Add", "sum"),
    ]


def _channel_attention(filters, window, grid):
    """Return the links of normalization and attention among the channels of each group, in a residual connection."""
    return [
        (0, "LayerNormalization", "norm", {"epsilon": 1e-6}),
        ("norm", "Conv2D", "qkv", {"filters": 3 * filters, "kernel_size": 1, "use_bias": False}),
        ("qkv", "DepthwiseConv2D", "qkv_dwconv", {"use_bias": False}),
        ("qkv_dwconv", "BlockChannelAttention", "attention", {"heads": 4, "window": window, "grid": grid}),
        ("attention", "Conv2D", "project_out", {"kernel_size": 1, "use_bias": False}),
        ((0, "project_out"), "Add", "sum"),
    ]


def _feed_forward(filters):
    """Return the links of normalization and a gated convolutional network, in a residual connection."""
    return [
        (0, "LayerNormalization", "norm", {"epsilon": 1e-6}),
        ("norm", "Conv2D", "project_in", {"filters": 2 * filters, "kernel_size": 1, "use_bias": False}),
        ("project_in", "DepthwiseConv2D", "dwconv", {"use_bias": False}),
        ("dwconv", "ChannelSlice", "gates", {"stop": filters}),
        ("gates", "gelu", "gates_gelu"),
        ("dwconv", "ChannelSlice", "values", {"start": filters}),
        (("gates_gelu", "values"), "Multiply", "gated"),
        ("gated", "Conv2D", "project_out", {"kernel_size": 1, "use_bias": False}),
        ((0, "project_out"), "Add", "sum"),
    ]


def names(*, blocks, **_):
    """Return the keys of the authors' state_dict."""
    ours, theirs = "block_groups-*-block_body-*-block_layer", "residual_layer.*.residual_layer.*.layer"
    esa = {"reduced": "conv1", "strided": "conv2", "pooled_1": "conv3", "skipped": "conv_f", "expanded": "conv4"}
    return {
        "conv_input": "input",
        f"{ours}_0-conv_fn_*": f"{theirs}.0.fn.*",
        f"{ours}_0-layer_gate_*": f"{theirs}.0.fn.4.gate.*",
        f"{ours}_*-norm_norm": f"{theirs}.*.norm",
        f"{ours}_*-layer_attention": f"{theirs}.*.fn",
        f"{ours}_*-layer_to_qkv": f"{theirs}.*.fn.to_qkv",
        f"{ours}_*-layer_to_out": f"{theirs}.*.fn.to_out.0",
        f"{ours}_*-conv_*": f"{theirs}.*.fn.*",
        "block_groups-*-conv_fused": f"residual_layer.*.residual_layer.{blocks}",
        **{f"block_groups-*-block_esa-conv_{our}": f"residual_layer.*.esa.{their}" for our, their in esa.items()},
        "conv_output": "output",
        "conv_pixels": "up.0",
    }


def detect(state):
    """Return the arguments of the Omni-SR in a state_dict."""
    filters, channels = state["input.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    position = "residual_layer.0.residual_layer.0.layer.2.fn.rel_pos_bias.weight"
    has_position = position in state
    return {
        "scale": math.isqrt(state["up.0.weight"][0] // channels),
        "groups": state.count("residual_layer.*.residual_layer.0.layer.0.fn.0.weight"),
        "blocks": state.count("residual_layer.0.residual_layer.*.layer.0.fn.0.weight"),
        "filters": filters,
        **({"window": (math.isqrt(state[position][0]) + 1) // 2} if has_position else {}),
        "position_bias": has_position,
        "bias": "input.bias" in state,
        "color": "rgb" if channels == 3 else "y",
    }
