"""RCAN: residual groups of residual blocks with channel attention.

Zhang et al., Image Super-Resolution Using Very Deep Residual Channel Attention Networks, ECCV 2018. https://arxiv.org/abs/1807.02758

Defaults: as published, 10 groups of 20 blocks of 64 features, reduction 16, on images in 0..255. Weight files do not tell the range.

    python train.py --model=rcan --optimizer=adam --batch_size=16 --learning_rate=1e-4 --schedule=step --patch_size=48 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.63, Set14 28.87, BSD100 27.77 dB.
"""

import math

FAMILY = "attention CNN"
ASSUMED = ("image_range",)

#: DIV2K's mean color in [0, 1].
_MEAN = (0.4488, 0.4371, 0.4040)


def rcan(
    *,
    scale=4,
    groups=10,
    blocks=20,
    filters=64,
    reduction=16,
    kernel_size=3,
    unshuffle=1,
    mean_shift=True,
    image_range=255.0,
    color="rgb",
):
    """Return RCAN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        groups: number of residual groups.
        blocks: residual blocks in a group.
        filters: features.
        reduction: the channel attention squeezes to filters / reduction features.
        kernel_size: side of the convolutions outside the attention and the upsampling, an odd number.
        unshuffle: 2 or 4 moves squares of so many input pixels into the channels, so that the body sees a smaller image.
        mean_shift: subtract DIV2K's mean color from the image, and add it to the result.
        image_range: the value of white inside the network; images of the model itself are in [0, 1].
        color: "rgb", or "y" for luma alone, whose mean is the average of the colors'.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    if not 1 <= reduction <= filters:
        raise ValueError(f"reduction must be between 1 and the {filters} filters, not {reduction}")
    if unshuffle not in (1, 2, 4):
        raise ValueError(f"unshuffle must be 1, 2 or 4, not {unshuffle}")
    stages = [3] * (scale == 3) + [2] * round(math.log2(scale * unshuffle / (3 if scale == 3 else 1)))
    upscaling = []
    for number, size in enumerate(stages):
        upscaling += [
            (f"up_{number}", "Conv2D", f"shuffled_{number}", {"filters": filters * size**2, "kernel_size": 3}),
            (f"shuffled_{number}", "PixelShuffle", f"up_{number + 1}", {"size": size}),
        ]
    before, after = _range_and_mean(mean_shift, image_range, color, unshuffle)
    return {
        "name": "RCAN",
        "paper": "https://arxiv.org/abs/1807.02758",
        "scale": scale,
        "color": color,
        **({"multiple": unshuffle, "edge": "reflect"} if unshuffle > 1 else {}),
        "defaults": {"conv": {"filters": filters, "kernel_size": kernel_size}},
        "blocks": {"group": {"links": _group(blocks), "blocks": {"attended": {"links": _attended(filters // reduction)}}}},
        "links": [
            *before,
            (before[-1][2] if before else 0, "Conv2D", "head"),
            ("head", "group", "groups", {"repeat": groups}),
            ("groups", "Conv2D", "body"),
            (("head", "body"), "Add", "up_0"),
            *upscaling,
            (f"up_{len(stages)}", "Conv2D", "tail", {"filters": {"rgb": 3, "y": 1}[color]}),
            *after,
        ],
    }


def _range_and_mean(mean_shift, image_range, color, unshuffle):
    """Return the links before the first convolution, and those behind the last."""
    mean = [image_range * value for value in (_MEAN if color == "rgb" else [sum(_MEAN) / 3])]
    before = [("Rescaling", "ranged", {"scale": image_range})] if image_range != 1 else []
    before += [("MeanShift", "shifted", {"mean": mean, "sign": -1})] if mean_shift else []
    before += [("PixelUnshuffle", "unshuffled", {"size": unshuffle})] if unshuffle > 1 else []
    after = [("MeanShift", "unshifted", {"mean": mean, "sign": 1})] if mean_shift else []
    after += [("Rescaling", "sr", {"scale": 1 / image_range})] if image_range != 1 else []
    return _in_series(0, before), _in_series("tail", after)


def _in_series(source, steps):
    """Return links of layers in series: (layer, target, parameters)."""
    sources = [source, *(target for _, target, _ in steps)]
    return [(source, layer, target, parameters) for source, (layer, target, parameters) in zip(sources, steps, strict=False)]


def _group(blocks):
    """Return the links of a residual group."""
    return [(0, "attended", 1, {"repeat": blocks}), (1, "Conv2D", 2), ((0, 2), "Add", 3)]


def _attended(squeezed):
    """Return the links of a residual block with channel attention."""
    return [
        (0, "Conv2D", 1),
        (1, "ReLU", 2),
        (2, "Conv2D", 3),
        (3, "GlobalAveragePooling2D", "pooled", {"keepdims": True}),
        ("pooled", "Conv2D", "squeezed", {"filters": squeezed, "kernel_size": 1}),
        ("squeezed", "ReLU", "squeezed_relu"),
        ("squeezed_relu", "Conv2D", "excited", {"kernel_size": 1}),
        ("excited", "sigmoid", "attention"),
        ((3, "attention"), "Multiply", "attended"),
        ((0, "attended"), "Add", "sum"),
    ]


def names(*, groups, blocks, unshuffle, **_):
    """Return the keys of the authors' state_dict, which are spandrel's too, and of BasicSR's."""
    group, block = "block_groups-*", "block_groups-*-block_1-*"
    authors = {
        "layer_shifted": "sub_mean",
        "conv_head": f"head.{0 if unshuffle == 1 else 1}",
        f"{block}-conv_1": "body.*.body.*.body.0",
        f"{block}-conv_3": "body.*.body.*.body.2",
        f"{block}-conv_squeezed": "body.*.body.*.body.3.conv_du.0",
        f"{block}-conv_excited": "body.*.body.*.body.3.conv_du.2",
        f"{group}-conv_2": f"body.*.body.{blocks}",
        "conv_body": f"body.{groups}",
        "conv_shuffled_*": "tail.0.{2*}",
        "conv_tail": "tail.1",
        "layer_unshifted": "add_mean",
    }
    basicsr = {
        "conv_head": "conv_first",
        f"{block}-conv_1": "body.*.residual_group.*.rcab.0",
        f"{block}-conv_3": "body.*.residual_group.*.rcab.2",
        f"{block}-conv_squeezed": "body.*.residual_group.*.rcab.3.attention.1",
        f"{block}-conv_excited": "body.*.residual_group.*.rcab.3.attention.3",
        f"{group}-conv_2": "body.*.conv",
        "conv_body": "conv_after_body",
        "conv_shuffled_*": "upsample.{2*}",
        "conv_tail": "conv_last",
    }
    return [authors, basicsr]


def detect(state):
    """Return the arguments of the RCAN in a state_dict of either spelling."""
    if "conv_first.weight" in state:
        return _detect_basicsr(state)
    head = state["head.1.weight" if "head.1.weight" in state else "head.0.weight"]
    channels = state["tail.1.weight"][0]
    filters = head[0]
    has_mean = "sub_mean.weight" in state
    unshuffle = math.isqrt(head[1] // channels)
    return {
        **_sizes(channels, filters, state["body.0.body.0.body.3.conv_du.0.weight"][0]),
        "scale": _upscaling(state, "tail.0.*.weight", filters) // unshuffle,
        "groups": state.count("body.*.weight") - 1,
        "blocks": state.count("body.0.body.*.weight") - 1,
        "kernel_size": head[2],
        "unshuffle": unshuffle,
        "mean_shift": has_mean,
        **({} if has_mean else {"image_range": 1.0}),
    }


def _detect_basicsr(state):
    head = state["conv_first.weight"]
    return {
        **_sizes(head[1], head[0], state["body.0.residual_group.0.rcab.3.attention.1.weight"][0]),
        "scale": _upscaling(state, "upsample.*.weight", head[0]),
        "groups": state.count("body.*.conv.weight"),
        "blocks": state.count("body.0.residual_group.*.rcab.0.weight"),
    }


def _sizes(channels, filters, squeezed):
    """Return the arguments that follow from numbers of channels."""
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return {"filters": filters, "reduction": filters // squeezed, "color": "rgb" if channels == 3 else "y"}


def _upscaling(state, stages, filters):
    """Return by how much the stages of a state_dict enlarge; 1 where there are none."""
    count = (state.count(stages) + 1) // 2 if state.has(stages) else 0
    sizes = [math.isqrt(state[stages.replace("*", str(2 * number))][0] // filters) for number in range(count)]
    return math.prod(sizes)
