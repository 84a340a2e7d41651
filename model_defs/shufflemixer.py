"""ShuffleMixer: large depthwise kernels mix pixels, dense layers on half of the shuffled channels mix channels, convolutions mix both.

Sun et al., ShuffleMixer: An Efficient ConvNet for Image Super-Resolution, NeurIPS 2022. https://arxiv.org/abs/2205.15175

Defaults: the paper's base model, 5 blocks of 64 features, kernels of 7. The tiny model has `filters=32,kernel_size=3`.

    python train.py --model=shufflemixer --batch_size=64 --learning_rate=5e-4 --schedule=cosine --patch_size=64 --train_data=DF2K --steps=500000

Published, x4, Y: Set5 32.21, Set14 28.66, BSD100 27.61 dB; the tiny model Set5 31.88 dB.
"""

import math

FAMILY = "efficient CNN"

_SHUFFLED = 8  # groups of the channel shuffle
_ADDED = 16  # features that the convolution at the end of a block adds


def shufflemixer(*, scale=4, blocks=5, filters=64, kernel_size=7, expansion=2, color="rgb"):
    """Return ShuffleMixer's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of feature mixing blocks, of two shuffle mixing layers each.
        filters: features; 8 divides them.
        kernel_size: side of the depthwise kernels, an odd number.
        expansion: by how much the dense layers widen their half of the features.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    if filters % _SHUFFLED:
        raise ValueError(f"filters must be divisible by {_SHUFFLED}, not {filters}")
    stages = [2, 2] if scale == 4 else [scale]
    upscaling = []
    for number, factor in enumerate(stages):
        upscaling += [
            (f"stage_{number}", "Conv2D", f"up_{number}", {"filters": filters * factor**2, "kernel_size": 1}),
            (f"up_{number}", "PixelShuffle", f"shuffled_{number}", {"size": factor}),
            (f"shuffled_{number}", "silu", f"stage_{number + 1}"),
        ]
    return {
        "name": "ShuffleMixer",
        "paper": "https://arxiv.org/abs/2205.15175",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"mixing": _mixing(filters, kernel_size, expansion)},
        "links": [
            (0, "Conv2D", "head", {"use_bias": False}),
            ("head", "mixing", "stage_0", {"repeat": blocks}),
            *upscaling,
            (f"stage_{len(stages)}", "Conv2D", "tail", {"filters": {"rgb": 3, "y": 1}[color]}),
            (0, "Interpolate", "large", {"scale": scale, "interpolation": "bilinear"}),
            (("tail", "large"), "Add", "sr"),
        ],
    }


def _mixing(filters, kernel_size, expansion):
    """Return a feature mixing block: two shuffle mixing layers and an inverted bottleneck, each in a residual connection."""
    half = filters // 2
    split_mlp = [
        (0, "ChannelSlice", "mixed", {"stop": half}),
        ("mixed", "Conv2D", "fc_0", {"filters": half * expansion, "kernel_size": 1}),
        ("fc_0", "silu", "fc_1"),
        ("fc_1", "Conv2D", "fc_2", {"filters": half, "kernel_size": 1}),
        (0, "ChannelSlice", "kept", {"start": half}),
        (("fc_2", "kept"), "Concatenate", "both"),
        ("both", "ChannelShuffle", "shuffled", {"groups": _SHUFFLED}),
    ]
    layer = [
        (0, "LayerNormalization", "norm1", {"epsilon": 1e-5, "center": False}),
        ("norm1", "split_mlp", "mlp1"),
        ((0, "mlp1"), "Add", "sum1"),
        ("sum1", "DepthwiseConv2D", "spatial", {"kernel_size": kernel_size}),
        ("spatial", "LayerNormalization", "norm2", {"epsilon": 1e-5, "center": False}),
        ("norm2", "split_mlp", "mlp2"),
        (("spatial", "mlp2"), "Add", "sum2"),
    ]
    links = [
        (0, "layer", "net", {"repeat": 2}),
        ((0, "net"), "Add", "mixed"),
        ("mixed", "Conv2D", "wide", {"filters": filters + _ADDED}),
        ("wide", "silu", "active"),
        ("active", "Conv2D", "narrow", {"kernel_size": 1}),
        (("mixed", "narrow"), "Add", "sum"),
    ]
    return {"links": links, "blocks": {"layer": {"links": layer}, "split_mlp": {"links": split_mlp}}}


def names(**_):
    """Return the keys of the state_dict of sunny2109/ShuffleMixer."""
    layer, theirs = "block_stage_0-*-block_net-*", "blocks.*.net.*"
    return {
        "conv_head": "to_feat",
        f"{layer}-norm_norm*": f"{theirs}.norm*.body",
        f"{layer}-block_mlp*-conv_fc_*": f"{theirs}.mlp*.fc.*",
        f"{layer}-conv_spatial": f"{theirs}.spatial",
        "block_stage_0-*-conv_wide": "blocks.*.conv.0",
        "block_stage_0-*-conv_narrow": "blocks.*.conv.2",
        "conv_up_*": "upsapling.{3*}",  # so in the reference
        "conv_tail": "tail",
    }


def detect(state):
    """Return the arguments of the ShuffleMixer in a state_dict."""
    filters, channels = state["to_feat.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "scale": 4 if "upsapling.3.weight" in state else math.isqrt(state["upsapling.0.weight"][0] // filters),
        "blocks": state.count("blocks.*.conv.0.weight"),
        "filters": filters,
        "kernel_size": state["blocks.0.net.0.spatial.weight"][2],
        "expansion": state["blocks.0.net.0.mlp1.fc.0.weight"][0] // (filters // 2),
        "color": "rgb" if channels == 3 else "y",
    }
