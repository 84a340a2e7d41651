"""BSRN: RFDN of blueprint separable convolutions, with attention over a large neighborhood and over channels; half RFDN's parameters.

Li et al., Blueprint Separable Residual Network for Efficient Image Super-Resolution, CVPRW 2022. https://arxiv.org/abs/2205.05996

Defaults: as published, 8 blocks of 64 features.

    python train.py --model=bsrn --optimizer=adam --batch_size=32 --learning_rate=1e-3 --schedule=cosine --patch_size=48 --train_data=DF2K --steps=1000000

Published, x4, Y: Set5 32.35, Set14 28.73, BSD100 27.65 dB.
"""

import math

FAMILY = "efficient CNN"


def bsrn(*, scale=4, filters=64, blocks=8, color="rgb"):
    """Return BSRN's dictionary.

    Args:
        scale: any whole number.
        filters: features, at least 16; half of them are distilled in each step, a quarter are inside the attention over space.
        blocks: number of efficient separable distillation blocks.
        color: "rgb", or "y" for luma alone.
    """
    separable = {"filters": filters}
    steps = [f"block_{number}" for number in range(1, blocks + 1)]
    channels = {"rgb": 3, "y": 1}[color]
    return {
        "name": "BSRN",
        "paper": "https://arxiv.org/abs/2205.05996",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"distillation": {"links": _distillation(filters)}},
        "links": [
            ((0, 0, 0, 0), "Concatenate", "copies"),
            ("copies", "blueprint_convolution", "head", separable),
            *[(source, "distillation", target) for source, target in zip(["head", *steps], steps)],
            (steps, "Concatenate", "gathered"),
            ("gathered", "Conv2D", "fused", {"kernel_size": 1}),
            ("fused", "gelu", "fused_gelu"),
            ("fused_gelu", "blueprint_convolution", "body", separable),
            (("head", "body"), "Add", "features"),
            ("features", "Conv2D", "tail", {"filters": channels * scale**2}),
            ("tail", "PixelShuffle", "sr", {"size": scale}),
        ],
    }


def _distillation(filters):
    """Return the links of a block: RFDN's distillation with separable convolutions, then both attentions, in a residual connection."""
    separable = {"filters": filters}
    distilled = {"filters": filters // 2}
    links = []
    for step, source in enumerate([0, "r1", "r2"], 1):
        links += [
            (source, "Conv2D", f"c{step}_d", {**distilled, "kernel_size": 1}),
            (f"c{step}_d", "gelu", f"d{step}"),
            (source, "blueprint_convolution", f"c{step}_r", separable),
            ((source, f"c{step}_r"), "Add", f"sum{step}"),
            (f"sum{step}", "gelu", f"r{step}"),
        ]
    spatial = {"filters": filters, "reduced": filters // 4, "convolution": "blueprint_convolution", "activation": "gelu"}
    return [
        *links,
        ("r3", "blueprint_convolution", "c4", distilled),
        ("c4", "gelu", "r4"),
        (("d1", "d2", "d3", "r4"), "Concatenate", "joined"),
        ("joined", "Conv2D", "c5", {"kernel_size": 1}),
        ("c5", "enhanced_spatial_attention", "esa", spatial),
        ("esa", "contrast_channel_attention", "cca", {"filters": filters, "reduced": filters // 16}),
        ((0, "cca"), "Add", "sum"),
    ]


def names(**_):
    """Return the keys of the state_dict of xiaom233/BSRN, by our layers' names."""
    separable = {
        "block_head": "fea_conv",
        "block_block_*-block_c*": "B*.c*",
        "block_block_*-block_esa-block_strided": "B*.esa.conv2",
        "block_block_*-block_esa-block_pooled_1": "B*.esa.conv_max",
        "block_block_*-block_esa-block_pooled_2": "B*.esa.conv3",
        "block_block_*-block_esa-block_pooled_3": "B*.esa.conv3_",
        "block_body": "c2",
    }
    return {
        **{f"{ours}-conv_pointwise": f"{theirs}.pw" for ours, theirs in separable.items()},
        **{f"{ours}-conv_depthwise": f"{theirs}.dw" for ours, theirs in separable.items()},
        "block_block_*-conv_c*": "B*.c*",
        "block_block_*-block_esa-conv_reduced": "B*.esa.conv1",
        "block_block_*-block_esa-conv_skipped": "B*.esa.conv_f",
        "block_block_*-block_esa-conv_expanded": "B*.esa.conv4",
        "block_block_*-block_cca-conv_squeezed": "B*.cca.conv_du.0",
        "block_block_*-block_cca-conv_excited": "B*.cca.conv_du.2",
        "conv_fused": "c1",
        "conv_tail": "upsampler.upsampleOneStep.0",
    }


def detect(state):
    """Return the arguments of the network in a state_dict."""
    filters, channels = state["fea_conv.pw.weight"][:2]
    if channels not in (4, 12):
        raise ValueError(f"has {channels / 4:g} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "scale": math.isqrt(state["upsampler.upsampleOneStep.0.weight"][0] // (channels // 4)),
        "filters": filters,
        "blocks": state.count("B*.c1_r.dw.weight") - 1,  # they count from 1
        "color": "rgb" if channels == 12 else "y",
    }
