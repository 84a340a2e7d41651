"""IMDN: features are split off in steps, weighted by their contrast, and concatenated; small and fast.

Hui et al., Lightweight Image Super-Resolution with Information Multi-distillation Network, ACM MM 2019. https://arxiv.org/abs/1909.11856

Defaults: 6 blocks of 64 features.

    python train.py --model=imdn --optimizer=adam --batch_size=16 --learning_rate=2e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=1000000

Published, Set5, Y: x2 38.00, x3 34.36, x4 32.21 dB.
"""

import math

FAMILY = "efficient CNN"

_LEAKY = {"negative_slope": 0.05}


def imdn(*, scale=4, filters=64, blocks=6, color="rgb"):
    """Return IMDN's dictionary.

    Args:
        scale: any whole number.
        filters: features, a multiple of 16; a quarter of them is split off in each of three steps.
        blocks: number of information multi-distillation blocks.
        color: "rgb", or "y" for luma alone.
    """
    if filters % 16:
        raise ValueError(f"filters must be a multiple of 16, not {filters}")
    steps = [f"block_{number}" for number in range(1, blocks + 1)]
    channels = {"rgb": 3, "y": 1}[color]
    return {
        "name": "IMDN",
        "paper": "https://arxiv.org/abs/1909.11856",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"distillation": {"links": _distillation(filters)}},
        "links": [
            (0, "Conv2D", "head"),
            *[(source, "distillation", target) for source, target in zip(["head", *steps], steps)],
            (steps, "Concatenate", "gathered"),
            ("gathered", "Conv2D", "fused", {"kernel_size": 1}),
            ("fused", "LeakyReLU", "fused_relu", _LEAKY),
            ("fused_relu", "Conv2D", "body"),
            (("head", "body"), "Add", "features"),
            ("features", "Conv2D", "tail", {"filters": channels * scale**2}),
            ("tail", "PixelShuffle", "sr", {"size": scale}),
        ],
    }


def _distillation(filters):
    """Return the links of a block: three times a quarter of the features is split off; what is left is convolved on."""
    kept = filters // 4
    links = [(0, "Conv2D", "c1")]
    for step in (1, 2, 3):
        links += [
            (f"c{step}", "LeakyReLU", f"l{step}", _LEAKY),
            (f"l{step}", "ChannelSlice", f"d{step}", {"stop": kept}),
            (f"l{step}", "ChannelSlice", f"r{step}", {"start": kept}),
            (f"r{step}", "Conv2D", f"c{step + 1}", {"filters": filters if step < 3 else kept}),
        ]
    return [
        *links,
        (("d1", "d2", "d3", "c4"), "Concatenate", "joined"),
        ("joined", "contrast_channel_attention", "weighed", {"filters": filters, "reduced": filters // 16}),
        ("weighed", "Conv2D", "c5", {"kernel_size": 1}),
        ((0, "c5"), "Add", "sum"),
    ]


def names(**_):
    """Return the keys of the state_dict of Zheng222/IMDN, by our layers' names."""
    return {
        "conv_head": "fea_conv",
        "block_block_*-conv_c*": "IMDB*.c*",
        "block_block_*-block_weighed-conv_squeezed": "IMDB*.cca.conv_du.0",
        "block_block_*-block_weighed-conv_excited": "IMDB*.cca.conv_du.2",
        "conv_fused": "c.0",
        "conv_body": "LR_conv",
        "conv_tail": "upsampler.0",
    }


def detect(state):
    """Return the arguments of the network in a state_dict."""
    filters, channels = state["fea_conv.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "scale": math.isqrt(state["upsampler.0.weight"][0] // channels),
        "filters": filters,
        "blocks": state.count("IMDB*.c1.weight") - 1,  # they count from 1
        "color": "rgb" if channels == 3 else "y",
    }
