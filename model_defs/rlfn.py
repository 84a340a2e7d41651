"""RLFN: plain chains of three convolutions and a short attention; as good as RFDN and faster.

Kong et al., Residual Local Feature Network for Efficient Super-Resolution, CVPRW 2022. https://arxiv.org/abs/2205.07514

Defaults: the paper's RLFN, 6 blocks of 52 features. RLFN-S has `filters=48`; the winner of NTIRE 2022's efficient SR challenge
`blocks=4,filters=46,inner_filters=48`. Images are in 0..255 inside; weight files do not tell the range.

    python train.py --model=rlfn --optimizer=adam --batch_size=64 --learning_rate=5e-4 --schedule=step --patch_size=64 --train_data=DF2K --steps=1000000

Published, x4, Y: Set5 32.24, Set14 28.62, BSD100 27.60 dB.
"""

import math

FAMILY = "efficient CNN"
ASSUMED = ("image_range",)


def rlfn(*, scale=4, filters=52, inner_filters=None, blocks=6, attention_filters=16, image_range=255.0, color="rgb"):
    """Return RLFN's dictionary.

    Args:
        scale: any whole number.
        filters: features.
        inner_filters: features between the three convolutions of a block; as many as `filters` unless given.
        blocks: number of residual local feature blocks.
        attention_filters: features inside the attention.
        image_range: the value of white inside the network; images of the model itself are in [0, 1].
        color: "rgb", or "y" for luma alone.
    """
    inner = {"filters": inner_filters or filters}
    leaky = {"negative_slope": 0.05}
    local = [
        (0, "Conv2D", "c1", inner),
        ("c1", "LeakyReLU", "l1", leaky),
        ("l1", "Conv2D", "c2", inner),
        ("c2", "LeakyReLU", "l2", leaky),
        ("l2", "Conv2D", "c3"),
        ("c3", "LeakyReLU", "l3", leaky),
        ((0, "l3"), "Add", "sum"),
        ("sum", "Conv2D", "c5", {"kernel_size": 1}),
        ("c5", "enhanced_spatial_attention", "esa", {"filters": filters, "reduced": attention_filters, "convolutions": 1}),
    ]
    channels = {"rgb": 3, "y": 1}[color]
    return {
        "name": "RLFN",
        "paper": "https://arxiv.org/abs/2205.07514",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"local": {"links": local}},
        "links": [
            (0, "Rescaling", "ranged", {"scale": image_range}),
            ("ranged", "Conv2D", "head"),
            ("head", "local", "blocks", {"repeat": blocks}),
            ("blocks", "Conv2D", "body"),
            (("head", "body"), "Add", "features"),
            ("features", "Conv2D", "tail", {"filters": channels * scale**2}),
            ("tail", "PixelShuffle", "large", {"size": scale}),
            ("large", "Rescaling", "sr", {"scale": 1 / image_range}),
        ],
    }


def names(**_):
    """Return the keys of the state_dict of bytedance/RLFN, by our layers' names."""
    attention = {"reduced": "conv1", "skipped": "conv_f", "strided": "conv2", "pooled_1": "conv3", "expanded": "conv4"}
    return {
        "conv_head": "conv_1",
        "block_blocks-*-conv_c5": "block_{*+1}.c5",
        "block_blocks-*-conv_c*": "block_{*+1}.c*_r",
        **{f"block_blocks-*-block_esa-conv_{ours}": f"block_{{*+1}}.esa.{theirs}" for ours, theirs in attention.items()},
        "conv_body": "conv_2",
        "conv_tail": "upsampler.0",
    }


def detect(state):
    """Return the arguments of the network in a state_dict."""
    filters, channels = state["conv_1.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "scale": math.isqrt(state["upsampler.0.weight"][0] // channels),
        "filters": filters,
        "inner_filters": state["block_1.c1_r.weight"][0],
        "blocks": state.count("block_*.c1_r.weight") - 1,  # they count from 1
        "attention_filters": state["block_1.esa.conv1.weight"][0],
        "color": "rgb" if channels == 3 else "y",
    }
