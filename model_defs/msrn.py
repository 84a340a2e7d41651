"""MSRN: blocks of 3x3 and 5x5 convolutions side by side that exchange their features; the outputs of all blocks are joined at the end.

Li et al., Multi-scale Residual Network for Image Super-Resolution, ECCV 2018.
https://openaccess.thecvf.com/content_ECCV_2018/html/Juncheng_Li_Multi-scale_Residual_Network_ECCV_2018_paper.html

Defaults: as the authors' code has it, 8 blocks of 64 features, on images in 0..255. Weight files do not tell the range.

    python train.py --model=msrn --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=64 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.25, Set14 28.63, BSD100 27.61 dB.
"""

import math

FAMILY = "CNN"
ASSUMED = ("image_range",)

#: DIV2K's mean color in [0, 1].
_MEAN = (0.4488, 0.4371, 0.4040)


def msrn(*, scale=4, blocks=8, filters=64, image_range=255.0, color="rgb"):
    """Return MSRN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of multi-scale residual blocks.
        filters: features.
        image_range: the value of white inside the network; images of the model itself are in [0, 1].
        color: "rgb", or "y" for luma alone, whose mean is the average of the colors'.
    """
    mean = [image_range * value for value in (_MEAN if color == "rgb" else [sum(_MEAN) / 3])]
    steps = [f"block_{number}" for number in range(blocks)]
    return {
        "name": "MSRN",
        "paper": "https://openaccess.thecvf.com/content_ECCV_2018/html/Juncheng_Li_Multi-scale_Residual_Network_ECCV_2018_paper.html",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"multi_scale": {"links": _multi_scale(filters)}},
        "links": [
            (0, "Rescaling", "ranged", {"scale": image_range}),
            ("ranged", "MeanShift", "shifted", {"mean": mean, "sign": -1}),
            ("shifted", "Conv2D", "head"),
            *[(source, "multi_scale", target) for source, target in zip(["head", *steps], steps)],
            ((*steps, "head"), "Concatenate", "gathered"),
            ("gathered", "Conv2D", "fused", {"kernel_size": 1}),
            ("fused", "Conv2D", "body"),
            ("body", "pixel_shuffle_upsampler", "large", {"scale": scale, "filters": filters}),
            ("large", "Conv2D", "tail", {"filters": {"rgb": 3, "y": 1}[color]}),
            ("tail", "MeanShift", "unshifted", {"mean": mean, "sign": 1}),
            ("unshifted", "Rescaling", "sr", {"scale": 1 / image_range}),
        ],
    }


def _multi_scale(filters):
    """Return the links of a block: twice a 3x3 and a 5x5 convolution of the same features, then a 1x1 convolution."""
    links = []
    for step, source, width in ((1, 0, filters), (2, "both_1", 2 * filters)):
        for side in (3, 5):
            links += [
                (source, "Conv2D", f"{side}_{step}", {"filters": width, "kernel_size": side}),
                (f"{side}_{step}", "ReLU", f"active_{side}_{step}"),
            ]
        links.append(((f"active_3_{step}", f"active_5_{step}"), "Concatenate", f"both_{step}"))
    return [*links, ("both_2", "Conv2D", "joined", {"kernel_size": 1}), ((0, "joined"), "Add", "sum")]


def names(**_):
    """Return the keys of the state_dict of MIVRC/MSRN-PyTorch."""
    return {
        "layer_shifted": "sub_mean",
        "conv_head": "head.0",
        "block_block_*-conv_joined": "body.*.confusion",
        "block_block_*-conv_*": "body.*.conv_*",
        "conv_fused": "tail.0",
        "conv_body": "tail.1",
        "block_large-conv_wide_*": "tail.2.{2*}",
        "conv_tail": "tail.3",
        "layer_unshifted": "add_mean",
    }


def detect(state):
    """Return the arguments of the MSRN in a state_dict."""
    filters, channels = state["head.0.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    stages = range(0, state.count("tail.2.*.weight"), 2) if state.has("tail.2.*.weight") else ()
    return {
        "scale": math.prod(math.isqrt(state[f"tail.2.{number}.weight"][0] // filters) for number in stages),
        "blocks": state.count("body.*.conv_5_2.weight"),
        "filters": filters,
        "color": "rgb" if channels == 3 else "y",
    }
