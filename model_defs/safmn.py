"""SAFMN: features of several scales, which max pooling makes and one multiplication joins, modulate the features.

Sun et al., Spatially-Adaptive Feature Modulation for Efficient Image Super-Resolution, ICCV 2023. https://arxiv.org/abs/2302.13800

Defaults: as published, 8 blocks of 36 features. The larger SAFMN-L: `--model_args=blocks=16,filters=128`.

    python train.py --model=safmn --optimizer=adam --batch_size=64 --learning_rate=1e-3 --schedule=cosine --patch_size=64 --train_data=DIV2K --steps=500000

Published, x4, Y: Set5 32.18, Set14 28.60, BSD100 27.58 dB, trained on DIV2K and Flickr2K.
"""

import math

FAMILY = "efficient CNN"

_LEVELS = 4


def safmn(*, scale=4, blocks=8, filters=36, hidden=72, color="rgb"):
    """Return SAFMN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of blocks.
        filters: features; 4 divides them, one part for each scale.
        hidden: features between the convolutions that mix channels.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    if filters % _LEVELS:
        raise ValueError(f"filters must be divisible by {_LEVELS}, not {filters}")
    block = [
        (0, "LayerNormalization", "norm1", {"epsilon": 1e-6}),
        ("norm1", "safm", "safm"),
        ((0, "safm"), "Add", "modulated"),
        ("modulated", "LayerNormalization", "norm2", {"epsilon": 1e-6}),
        ("norm2", "Conv2D", "ccm_0", {"filters": hidden}),
        ("ccm_0", "gelu", "ccm_1"),
        ("ccm_1", "Conv2D", "ccm_2", {"kernel_size": 1}),
        (("modulated", "ccm_2"), "Add", "sum"),
    ]
    return {
        "name": "SAFMN",
        "paper": "https://arxiv.org/abs/2302.13800",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"block": {"links": block, "blocks": {"safm": {"links": _modulation(filters)}}}},
        "links": [
            (0, "Conv2D", "to_feat"),
            ("to_feat", "block", "feats", {"repeat": blocks}),
            (("to_feat", "feats"), "Add", "features"),
            ("features", "Conv2D", "to_img", {"filters": {"rgb": 3, "y": 1}[color] * scale**2}),
            ("to_img", "PixelShuffle", "sr", {"size": scale}),
        ],
    }


def _modulation(filters):
    """Return the links that multiply the features by themselves, seen at full size and at sides of 1/2, 1/4 and 1/8."""
    part = filters // _LEVELS
    links = []
    for level in range(_LEVELS):
        links.append((0, "ChannelSlice", f"part_{level}", {"start": level * part, "stop": (level + 1) * part}))
        source = f"part_{level}"
        if level:
            links.append((source, "AdaptivePooling2D", f"pooled_{level}", {"divisor": 2**level}))
            source = f"pooled_{level}"
        links.append((source, "DepthwiseConv2D", f"mfr_{level}"))
        if level:
            links.append(((f"mfr_{level}", 0), "ResizeLike", f"enlarged_{level}", {"interpolation": "nearest"}))
    levels = ("mfr_0", *(f"enlarged_{level}" for level in range(1, _LEVELS)))
    return [
        *links,
        (levels, "Concatenate", "all"),
        ("all", "Conv2D", "aggr", {"kernel_size": 1}),
        ("aggr", "gelu", "weights"),
        ((0, "weights"), "Multiply", "out"),
    ]


def names(**_):
    """Return the keys of the authors' state_dict."""
    return {
        "conv_to_feat": "to_feat",
        "block_feats-*-norm_norm*": "feats.*.norm*",
        "block_feats-*-block_safm-conv_mfr_*": "feats.*.safm.mfr.*",
        "block_feats-*-block_safm-conv_aggr": "feats.*.safm.aggr",
        "block_feats-*-conv_ccm_*": "feats.*.ccm.ccm.*",
        "conv_to_img": "to_img.0",
    }


def detect(state):
    """Return the arguments of the SAFMN in a state_dict."""
    filters, channels = state["to_feat.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    if not state.has("feats.0.norm1.weight"):
        raise ValueError("has no layer normalization in its blocks")
    return {
        "scale": math.isqrt(state["to_img.0.weight"][0] // channels),
        "blocks": state.count("feats.*.safm.aggr.weight"),
        "filters": filters,
        "hidden": state["feats.0.ccm.ccm.0.weight"][0],
        "color": "rgb" if channels == 3 else "y",
    }
