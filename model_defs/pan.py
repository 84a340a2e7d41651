"""PAN: self-calibrated convolutions in which a 1x1 convolution weighs every value, pixel by pixel and channel by channel; the smallest of its year.

Zhao et al., Efficient Image Super-Resolution Using Pixel Attention, ECCVW 2020. https://arxiv.org/abs/2010.01073

Defaults: as published, 16 blocks of 40 features, 24 behind the body. Weight files do not tell x3 from x2: they are opened as x2.

    python train.py --model=pan --optimizer=adam --batch_size=32 --learning_rate=1e-3 --schedule=cosine --patch_size=64 --train_data=DF2K --steps=1000000

Published, x4, Y: Set5 32.13, Set14 28.61, BSD100 27.59 dB.
"""

import math

FAMILY = "efficient CNN"

_LEAKY = {"negative_slope": 0.2}


def pan(*, scale=4, blocks=16, filters=40, enlarged_filters=24, color="rgb"):
    """Return PAN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of self-calibrated blocks.
        filters: features, an even number.
        enlarged_filters: features of the enlarged image.
        color: "rgb", or "y" for luma alone.
    """
    if filters % 2:
        raise ValueError(f"filters must be even, not {filters}")
    stages = _stages(scale)
    wide = {"filters": enlarged_filters}
    upscaling = []
    for number, factor in enumerate(stages, 1):
        upscaling += [
            (f"stage_{number - 1}", "Nearest", f"large_{number}", {"scale": factor}),
            (f"large_{number}", "Conv2D", f"up_{number}", wide),
            (f"up_{number}", "pixel_attention", f"attended_{number}"),
            (f"attended_{number}", "LeakyReLU", f"active_{number}", _LEAKY),
            (f"active_{number}", "Conv2D", f"hr_{number}", wide),
            (f"hr_{number}", "LeakyReLU", f"stage_{number}", _LEAKY),
        ]
    attention = [(0, "Conv2D", "weights", {**wide, "kernel_size": 1}), ("weights", "sigmoid", "shares"), ((0, "shares"), "Multiply", "out")]
    return {
        "name": "PAN",
        "paper": "https://arxiv.org/abs/2010.01073",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"self_calibrated": {"links": _self_calibrated(filters)}, "pixel_attention": {"links": attention}},
        "links": [
            (0, "Conv2D", "head"),
            ("head", "self_calibrated", "blocks", {"repeat": blocks}),
            ("blocks", "Conv2D", "body"),
            (("head", "body"), "Add", "stage_0"),
            *upscaling,
            (f"stage_{len(stages)}", "Conv2D", "tail", {"filters": {"rgb": 3, "y": 1}[color]}),
            (0, "Interpolate", "large", {"scale": scale, "interpolation": "bilinear"}),
            (("tail", "large"), "Add", "sr"),
        ],
    }


def _stages(scale):
    """Return the factors by which the network enlarges, stage by stage."""
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    return [3] if scale == 3 else [2] * round(math.log2(scale))


def _self_calibrated(filters):
    """Return the links of a block: half of the features are convolved, the other half convolved and weighed; a 1x1 convolution joins them."""
    narrow = {"filters": filters // 2, "use_bias": False}
    return [
        (0, "Conv2D", "a_1", {**narrow, "kernel_size": 1}),
        ("a_1", "LeakyReLU", "a_active", _LEAKY),
        ("a_active", "Conv2D", "a_2", narrow),
        ("a_2", "LeakyReLU", "a_out", _LEAKY),
        (0, "Conv2D", "b_1", {**narrow, "kernel_size": 1}),
        ("b_1", "LeakyReLU", "b_active", _LEAKY),
        ("b_active", "Conv2D", "b_weights", {"filters": filters // 2, "kernel_size": 1}),
        ("b_weights", "sigmoid", "b_shares"),
        ("b_active", "Conv2D", "b_3", narrow),
        (("b_3", "b_shares"), "Multiply", "b_weighed"),
        ("b_weighed", "Conv2D", "b_4", narrow),
        ("b_4", "LeakyReLU", "b_out", _LEAKY),
        (("a_out", "b_out"), "Concatenate", "both"),
        ("both", "Conv2D", "joined", {"kernel_size": 1, "use_bias": False}),
        ((0, "joined"), "Add", "sum"),
    ]


def names(**_):
    """Return the keys of the state_dict of zhaohengyuan1/PAN."""
    return {
        "conv_head": "conv_first",
        "block_blocks-*-conv_a_1": "SCPA_trunk.*.conv1_a",
        "block_blocks-*-conv_a_2": "SCPA_trunk.*.k1.0",
        "block_blocks-*-conv_b_1": "SCPA_trunk.*.conv1_b",
        "block_blocks-*-conv_b_weights": "SCPA_trunk.*.PAConv.k2",
        "block_blocks-*-conv_b_*": "SCPA_trunk.*.PAConv.k*",
        "block_blocks-*-conv_joined": "SCPA_trunk.*.conv3",
        "conv_body": "trunk_conv",
        "conv_up_*": "upconv*",
        "block_attended_*-conv_weights": "att*.conv",
        "conv_hr_*": "HRconv*",
        "conv_tail": "conv_last",
    }


def detect(state):
    """Return the arguments of the PAN in a state_dict."""
    filters, channels = state["conv_first.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "blocks": state.count("SCPA_trunk.*.conv3.weight"),
        "scale": 2 ** (state.count("upconv*.weight") - 1) if state.has("upconv*.weight") else 1,  # they count from 1
        "filters": filters,
        **({"enlarged_filters": state["upconv1.weight"][0]} if state.has("upconv*.weight") else {}),
        "color": "rgb" if channels == 3 else "y",
    }
