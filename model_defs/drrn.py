"""DRRN: one residual unit applied again and again to the bicubic upscaling, so that 52 layers have the weights of four.

Tai et al., Image Super-Resolution via Deep Recursive Residual Network, CVPR 2017. https://openaccess.thecvf.com/content_cvpr_2017/html/Tai_Image_Super-Resolution_via_CVPR_2017_paper.html

Defaults: B1U25 of 128 features on luma, as jt827859032's PyTorch implementation computes it, whose files open here. Its activations change
features in place, so what is added behind every unit, and to the image at the end, has passed a ReLU. The paper's formula:
`--model_args=in_place=False,norm=True`; its smaller model has `units=9`.

    python train.py --model=drrn --loss=mse --optimizer=sgd:momentum=0.9 --learning_rate=0.1 --clip_norm=0.01 --batch_size=128 --train_data=T91,BSDS200

Published, Y: x2 Set5 37.74 dB; x3 Set5 34.03 dB; x4 Set5 31.68, Set14 28.21, BSD100 27.38 dB.
"""

FAMILY = "CNN"
ASSUMED = ("scale", "units", "in_place")


def drrn(*, scale=4, color="y", blocks=1, units=25, filters=128, norm=False, in_place=True):
    """Return DRRN's dictionary.

    Args:
        scale: any whole number.
        color: 'y' for luma, 'rgb'.
        blocks: B, number of recursive blocks, each with weights of its own.
        units: U, how often a block applies its residual unit.
        filters: features.
        norm: batch normalization before each activation.
        in_place: what is added has passed the activation, as in the PyTorch implementation; False for the paper's formula.
    """
    return {
        "name": "DRRN",
        "paper": "https://openaccess.thecvf.com/content_cvpr_2017/html/Tai_Image_Super-Resolution_via_CVPR_2017_paper.html",
        "scale": scale,
        "color": color,
        "pre_upsample": "bicubic",
        "defaults": {"conv": {"filters": filters, "use_bias": False, "kernel_initializer": "he_normal"}},
        "blocks": {"recursion": _recursion(units, norm, in_place), "unit": _unit(norm)},
        "links": [
            (0, "ReLU", "positive") if in_place else (0, "linear", "positive"),
            ("positive", "recursion", "deep", {"repeat": blocks}),
            *_activated("deep", "last", norm),
            ("last", "Conv2D", "residual", {"filters": {"y": 1, "rgb": 3}[color]}),
            (("positive", "residual"), "Add", "sr"),
        ],
    }


def _activated(source, target, norm):
    """Return links of what stands before each convolution."""
    if not norm:
        return [(source, "ReLU", target)]
    return [(source, "BatchNormalization", f"{target}_normed"), (f"{target}_normed", "ReLU", target)]


def _recursion(units, norm, in_place):
    """Return a recursive block: a convolution, then one unit again and again."""
    links = [*_activated(0, "active", norm), ("active", "Conv2D", "head")]
    skip = "skip" if in_place else "head"
    links += [("head", "ReLU", "skip")] if in_place else []
    return {"links": [*links, ((skip, skip), "unit", "out", {"repeat": units, "share": "unit"})]}


def _unit(norm):
    """Return a residual unit, which adds the first features of its block instead of its own input."""
    return {
        "inputs": ["features", "first"],
        "links": [
            *_activated("features", "before_1", norm),
            ("before_1", "Conv2D", 1),
            *_activated(1, "before_2", norm),
            ("before_2", "Conv2D", 2),
            ((2, "first"), "Add", "sum"),
        ],
    }


def names(**_):
    """Return the keys of jt827859032's state_dict, which has one recursive block and no normalization, by our layers' names."""
    unit = "block_deep-0-block_unit"
    return {"block_deep-0-conv_head": "input", f"{unit}-conv_1": "conv1", f"{unit}-conv_2": "conv2", "conv_residual": "output"}


def detect(state):
    """Return the arguments of the model in a state_dict."""
    filters, channels = state["input.weight"][:2]
    if channels not in (1, 3) or state["conv2.weight"] != state["conv1.weight"]:
        raise ValueError(f"has {channels} input channels, or convolutions of two shapes")
    return {"color": "y" if channels == 1 else "rgb", "filters": filters}
