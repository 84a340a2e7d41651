"""RFDN: residual blocks that keep a 1x1 distillation of every step, then attention over a large neighborhood; IMDN's successor.

Liu et al., Residual Feature Distillation Network for Lightweight Image Super-Resolution, ECCVW 2020. https://arxiv.org/abs/2009.11551

Defaults: the paper's RFDN, 6 blocks of 48 features. RFDN-L has `filters=52`; the winner of AIM 2020's efficient SR challenge (E-RFDN) and the
published weights `blocks=4,filters=50`. Images are in 0..255 inside; weight files do not tell the range.

    python train.py --model=rfdn --optimizer=adam --batch_size=64 --learning_rate=5e-4 --schedule=step --patch_size=64 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.24, Set14 28.61, BSD100 27.57 dB.
"""

import math

FAMILY = "efficient CNN"
ASSUMED = ("image_range",)

_LEAKY = {"negative_slope": 0.05}


def rfdn(*, scale=4, filters=48, blocks=6, image_range=255.0, color="rgb"):
    """Return RFDN's dictionary.

    Args:
        scale: any whole number.
        filters: features; half of them are distilled in each step, a quarter are inside the attention.
        blocks: number of residual feature distillation blocks.
        image_range: the value of white inside the network; images of the model itself are in [0, 1].
        color: "rgb", or "y" for luma alone.
    """
    steps = [f"block_{number}" for number in range(1, blocks + 1)]
    channels = {"rgb": 3, "y": 1}[color]
    return {
        "name": "RFDN",
        "paper": "https://arxiv.org/abs/2009.11551",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"distillation": {"links": _distillation(filters)}},
        "links": [
            (0, "Rescaling", "ranged", {"scale": image_range}),
            ("ranged", "Conv2D", "head"),
            *[(source, "distillation", target) for source, target in zip(["head", *steps], steps)],
            (steps, "Concatenate", "gathered"),
            ("gathered", "Conv2D", "fused", {"kernel_size": 1}),
            ("fused", "LeakyReLU", "fused_relu", _LEAKY),
            ("fused_relu", "Conv2D", "body"),
            (("head", "body"), "Add", "features"),
            ("features", "Conv2D", "tail", {"filters": channels * scale**2}),
            ("tail", "PixelShuffle", "large", {"size": scale}),
            ("large", "Rescaling", "sr", {"scale": 1 / image_range}),
        ],
    }


def _distillation(filters):
    """Return the links of a block: three times a 1x1 convolution distills the features, and a 3x3 one refines them."""
    distilled = {"filters": filters // 2}
    links = []
    for step, source in enumerate([0, "r1", "r2"], 1):
        links += [
            (source, "Conv2D", f"c{step}_d", {**distilled, "kernel_size": 1}),
            (f"c{step}_d", "LeakyReLU", f"d{step}", _LEAKY),
            (source, "Conv2D", f"c{step}_r"),
            ((source, f"c{step}_r"), "Add", f"sum{step}"),
            (f"sum{step}", "LeakyReLU", f"r{step}", _LEAKY),
        ]
    return [
        *links,
        ("r3", "Conv2D", "c4", distilled),
        ("c4", "LeakyReLU", "r4", _LEAKY),
        (("d1", "d2", "d3", "r4"), "Concatenate", "joined"),
        ("joined", "Conv2D", "c5", {"kernel_size": 1}),
        ("c5", "enhanced_spatial_attention", "esa", {"filters": filters, "reduced": filters // 4}),
    ]


def names(**_):
    """Return the keys of the state_dict of njulj/RFDN, by our layers' names."""
    attention = {
        "reduced": "conv1",
        "skipped": "conv_f",
        "strided": "conv2",
        "pooled_1": "conv_max",
        "pooled_2": "conv3",
        "pooled_3": "conv3_",
        "expanded": "conv4",
    }
    return {
        "conv_head": "fea_conv",
        "block_block_*-conv_c*": "B*.c*",
        **{f"block_block_*-block_esa-conv_{ours}": f"B*.esa.{theirs}" for ours, theirs in attention.items()},
        "conv_fused": "c.0",
        "conv_body": "LR_conv",
        "conv_tail": "upsampler.0",
    }


def detect(state):
    """Return the arguments of the network in a state_dict."""
    filters, channels = state["fea_conv.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    if state["B1.esa.conv3_.weight"][0] != filters // 4:
        raise ValueError("has an attention of another width")
    return {
        "scale": math.isqrt(state["upsampler.0.weight"][0] // channels),
        "filters": filters,
        "blocks": state.count("B*.c1_r.weight") - 1,  # they count from 1
        "color": "rgb" if channels == 3 else "y",
    }
