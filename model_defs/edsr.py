"""EDSR: residual blocks without normalization.

Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017. https://arxiv.org/abs/1707.02921

Defaults: EDSR-baseline, 16 blocks of 64 features, on images in 0..255. The full EDSR: `--model_args=blocks=32,filters=256,residual_scale=0.1`.
Weight files tell neither the range nor the scale of residuals.

    python train.py --model=edsr --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=300000

Published, x4, Y: EDSR-baseline Set5 32.09 dB, EDSR 32.46 dB.
"""

import math

FAMILY = "CNN"
ASSUMED = ("image_range", "residual_scale")

#: DIV2K's mean color in [0, 1].
_MEAN = (0.4488, 0.4371, 0.4040)


def edsr(*, scale=4, blocks=16, filters=64, residual_scale=1.0, image_range=255.0, color="rgb"):
    """Return EDSR's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of residual blocks.
        filters: features.
        residual_scale: factor on each residual before it is added (0.1 for the full model).
        image_range: the value of white inside the network; images of the model itself are in [0, 1].
        color: 'rgb', or 'y' for luma alone, whose mean is the average of the colors'.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    scaled = [(3, "Rescaling", 4, {"scale": residual_scale})] if residual_scale != 1 else []
    residual = [(0, "Conv2D", 1), (1, "ReLU", 2), (2, "Conv2D", 3), *scaled, ((0, 4 if scaled else 3), "Add", 5)]
    mean = [image_range * value for value in (_MEAN if color == "rgb" else [sum(_MEAN) / 3])]
    is_ranged = image_range != 1
    return {
        "name": "EDSR",
        "paper": "https://arxiv.org/abs/1707.02921",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"residual": {"links": residual}},
        "links": [
            *([(0, "Rescaling", "ranged", {"scale": image_range})] if is_ranged else []),
            ("ranged" if is_ranged else 0, "MeanShift", "shifted", {"mean": mean, "sign": -1}),
            ("shifted", "Conv2D", "head"),
            ("head", "residual", "residuals", {"repeat": blocks}),
            ("residuals", "Conv2D", "body"),
            (("head", "body"), "Add", "features"),
            ("features", "pixel_shuffle_upsampler", "up", {"scale": scale, "filters": filters}),
            ("up", "Conv2D", "tail", {"filters": len(mean)}),
            ("tail", "MeanShift", "unshifted", {"mean": mean, "sign": 1}),
            *([("unshifted", "Rescaling", "sr", {"scale": 1 / image_range})] if is_ranged else []),
        ],
    }


def names(*, blocks, **_):
    """Return the keys of the authors' state_dict, sanghyun-son's EDSR-PyTorch, and of BasicSR's."""
    authors = {
        "layer_shifted": "sub_mean",
        "conv_head": "head.0",
        "block_residuals-*-conv_1": "body.*.body.0",
        "block_residuals-*-conv_3": "body.*.body.2",
        "conv_body": f"body.{blocks}",
        "block_up-conv_wide_*": "tail.0.{2*}",
        "conv_tail": "tail.1",
        "layer_unshifted": "add_mean",
    }
    basicsr = {
        "conv_head": "conv_first",
        "block_residuals-*-conv_1": "body.*.conv1",
        "block_residuals-*-conv_3": "body.*.conv2",
        "conv_body": "conv_after_body",
        "block_up-conv_wide_*": "upsample.{2*}",
        "conv_tail": "conv_last",
    }
    return [authors, basicsr]


def detect(state):
    """Return the arguments of the EDSR in a state_dict of either spelling."""
    if "conv_after_body.weight" in state:
        head, unit, stages = "conv_first.weight", "body.*.conv1.weight", "upsample.*.weight"
    else:
        head, unit, stages = "head.0.weight", "body.*.body.0.weight", "tail.0.*.weight"
        state["tail.1.weight"]
    filters, channels = state[head][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    blocks = state.count(unit)
    steps = (state.count(stages) + 1) // 2 if state.has(stages) else 0
    factors = [math.isqrt(state[stages.replace("*", str(2 * step))][0] // filters) for step in range(steps)]
    return {
        "scale": math.prod(factors),
        "blocks": blocks,
        "filters": filters,
        "color": "rgb" if channels == 3 else "y",
        **({"residual_scale": 0.1} if (blocks, filters) == (32, 256) else {}),
    }
