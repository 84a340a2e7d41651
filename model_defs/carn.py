"""CARN: residual blocks that cascade: each reads the features of all before it, inside groups of three and among the groups.

Ahn et al., Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual Network, ECCV 2018. https://arxiv.org/abs/1803.08664

Defaults: CARN as published. `mobile=True,groups=4` is CARN-M: grouped convolutions, and the three blocks of a group share their weights.
The authors' files hold the upsampling of x2, x3 and x4 beside one body; they are opened as x4.

    python train.py --model=carn --optimizer=adam --batch_size=64 --learning_rate=1e-4 --schedule=step --patch_size=64 --train_data=DIV2K --steps=600000

Published, x4, Y: CARN Set5 32.13, Set14 28.60, BSD100 27.58 dB; CARN-M Set5 31.92 dB.
"""

import math

FAMILY = "efficient CNN"
ASSUMED = ("scale",)

#: DIV2K's mean color in [0, 1].
_MEAN = (0.4488, 0.4371, 0.4040)


def carn(*, scale=4, filters=64, mobile=False, groups=1, color="rgb"):
    """Return CARN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: features.
        mobile: the efficient residual blocks of CARN-M, whose weights the blocks of a group share.
        groups: groups of the convolutions of the efficient blocks and of the upsampling; divides `filters`.
        color: "rgb", or "y" for luma alone, whose mean is the average of the colors'.
    """
    stages = _stages(scale)
    if filters % groups:
        raise ValueError(f"groups must divide the {filters} filters, not be {groups}")
    sources = ["relu_3", *(f"stage_{number}" for number in range(1, len(stages) + 1))]
    upscaling = []
    for number, factor in enumerate(stages):
        upscaling += [
            (sources[number], "Conv2D", f"up_{number}", {"filters": filters * factor**2, "groups": groups}),
            (f"up_{number}", "ReLU", f"wide_{number}"),
            (f"wide_{number}", "PixelShuffle", f"stage_{number + 1}", {"size": factor}),
        ]
    mean = list(_MEAN) if color == "rgb" else [sum(_MEAN) / 3]
    return {
        "name": "CARN-M" if mobile else "CARN",
        "paper": "https://arxiv.org/abs/1803.08664",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"group": {"links": _cascade(0, "residual", share=mobile), "blocks": {"residual": {"links": _residual(mobile, groups)}}}},
        "links": [
            (0, "MeanShift", "shifted", {"mean": mean, "sign": -1}),
            ("shifted", "Conv2D", "head"),
            *_cascade("head", "group", share=False),
            *upscaling,
            (sources[-1], "Conv2D", "tail", {"filters": {"rgb": 3, "y": 1}[color]}),
            ("tail", "MeanShift", "sr", {"mean": mean, "sign": 1}),
        ],
    }


def _stages(scale):
    """Return the factors by which the network enlarges, stage by stage."""
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    return [3] if scale == 3 else [2] * round(math.log2(scale))


def _cascade(source, block, share):
    """Return the links of three blocks, each followed by a 1x1 convolution of the source and all blocks so far; `relu_3` is their output."""
    links = []
    features = [source]
    for number, before in enumerate([source, "relu_1", "relu_2"], 1):
        features.append(f"b{number}")
        links += [
            (before, block, f"b{number}", {"share": "b1"} if share else {}),
            (tuple(features), "Concatenate", f"all_{number}"),
            (f"all_{number}", "Conv2D", f"c{number}", {"kernel_size": 1}),
            (f"c{number}", "ReLU", f"relu_{number}"),
        ]
    return links


def _residual(mobile, groups):
    """Return the links of a residual block; CARN-M's has grouped convolutions and a 1x1 convolution behind them."""
    options = {"groups": groups} if mobile else {}
    links = [(0, "Conv2D", "body_0", options), ("body_0", "ReLU", "body_1"), ("body_1", "Conv2D", "body_2", options)]
    if mobile:
        links += [("body_2", "ReLU", "body_3"), ("body_3", "Conv2D", "body_4", {"kernel_size": 1})]
    return [*links, ((0, "body_4" if mobile else "body_2"), "Add", "sum"), ("sum", "ReLU", "out")]


def names(*, scale, **_):
    """Return the keys of the state_dict of nmhkahn/CARN-pytorch, trained for one scale or for x2, x3 and x4 together."""
    body = {
        "layer_shifted": "sub_mean.shifter",
        "conv_head": "entry",
        "block_b*-block_b*-conv_body_*": "b*.b*.body.*",
        "block_b*-conv_c*": "b*.c*.body.0",
        "conv_c*": "c*.body.0",
        "conv_tail": "exit",
        "layer_sr": "add_mean.shifter",
    }
    return [body | {"conv_up_*": "upsample.up.body.{3*}"}, body | {"conv_up_*": f"upsample.up{scale}.body.{{3*}}"}]


def detect(state):
    """Return the arguments of the CARN in a state_dict."""
    filters, channels = state["entry.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    has_all_scales = "upsample.up4.body.0.weight" in state
    stages = "upsample.up.body.*.weight"
    ups = [] if has_all_scales or not state.has(stages) else [state[stages.replace("*", str(number))] for number in range(0, state.count(stages), 3)]
    mobile = "b1.b1.body.4.weight" in state
    return {
        **({} if has_all_scales else {"scale": math.prod(math.isqrt(shape[0] // filters) for shape in ups)}),
        "filters": filters,
        "mobile": mobile,
        "groups": filters // state["b1.b1.body.0.weight"][1] if mobile else 1,
        "color": "rgb" if channels == 3 else "y",
    }
