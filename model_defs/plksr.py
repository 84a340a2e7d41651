"""PLKSR: large kernels on a quarter of the channels, which costs a GPU less time than attention over as many pixels.

Lee et al., Partial Large Kernel CNNs for Efficient Super-Resolution, 2024. https://arxiv.org/abs/2404.11848

Defaults: as published, 28 blocks of 64 features, kernels of 17. PLKSR-tiny: `--model_args=blocks=12,kernel_size=13,attention=false`. The
variants with sparse kernels, which the paper compares and does not publish, are not here.

    python train.py --model=plksr --optimizer=adam --batch_size=64 --learning_rate=2e-4 --schedule=step --patch_size=96 --train_data=DIV2K --steps=450000

Published, x4, Y: PLKSR Set5 32.54, Set14 28.84, BSD100 27.74 dB; PLKSR-tiny 32.18, 28.67, 27.61 dB.
"""

import math

FAMILY = "efficient CNN"
ASSUMED = ("identity",)

_SMALL_NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.02}}
#: The sides of the two kernels of each channel mixer.
_MIXERS = {"CCM": (3, 1), "ICCM": (1, 3), "DCCM": (3, 3)}


def plksr(*, scale=4, blocks=28, filters=64, partial=16, kernel_size=17, mixer="DCCM", attention=True, identity=False, color="rgb"):
    """Return PLKSR's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of blocks.
        filters: features.
        partial: how many of them the large kernels read.
        kernel_size: side of the large kernels, an odd number.
        mixer: the kernels of the two convolutions that mix channels: "DCCM" (3x3 and 3x3), "CCM" (3x3 and 1x1) or "ICCM" (1x1 and 3x3).
        attention: multiply the features by weights from a 3x3 convolution.
        identity: add what the large kernels read to what they return.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    if mixer not in _MIXERS:
        raise ValueError(f"mixer must be DCCM, CCM or ICCM, not {mixer!r}")
    channels = {"rgb": 3, "y": 1}[color]
    first, second = _MIXERS[mixer]
    large = {"filters": filters, "partial": partial, "kernel_size": kernel_size, "identity": identity}
    block = [
        (0, "Conv2D", "mixed_1", {"filters": 2 * filters, "kernel_size": first, "kernel_initializer": "glorot_uniform"}),
        ("mixed_1", "gelu", "mixed_gelu"),
        ("mixed_gelu", "Conv2D", "mixed_2", {"kernel_size": second}),
        ("mixed_2", "partial_convolution", "partial", large),
        *([("partial", "elementwise_attention", "attended", {"filters": filters})] if attention else []),
        ("attended" if attention else "partial", "Conv2D", "refined", {"kernel_size": 1}),
        ((0, "refined"), "Add", "sum"),
    ]
    return {
        "name": "PLKSR",
        "paper": "https://arxiv.org/abs/2404.11848",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters, "kernel_initializer": _SMALL_NORMAL}},
        "blocks": {"plk": {"links": block}},
        "links": [
            (0, "Conv2D", "head"),
            ("head", "plk", "body", {"repeat": blocks}),
            ("body", "Conv2D", "tail", {"filters": channels * scale**2}),
            (0, "ChannelRepeat", "repeated", {"times": scale**2}),
            (("tail", "repeated"), "Add", "sum"),
            ("sum", "PixelShuffle", "sr", {"size": scale}),
        ],
    }


def names(*, blocks, **_):
    """Return the keys of the authors' state_dict."""
    return {
        "conv_head": "feats.0",
        "block_body-*-conv_mixed_1": "feats.{*+1}.channe_mixer.0",
        "block_body-*-conv_mixed_2": "feats.{*+1}.channe_mixer.2",
        "block_body-*-block_partial-conv_large": "feats.{*+1}.lk.conv",
        "block_body-*-block_attended-conv_weights": "feats.{*+1}.attn.f.0",
        "block_body-*-conv_refined": "feats.{*+1}.refine",
        "conv_tail": f"feats.{blocks + 1}",
    }


def detect(state):
    """Return the arguments of the PLKSR in a state_dict."""
    filters, channels = state["feats.0.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    kernels = tuple(state[f"feats.1.channe_mixer.{place}.weight"][2] for place in (0, 2))
    if kernels not in _MIXERS.values():
        raise ValueError(f"has kernels of {kernels[0]} and {kernels[1]} in its channel mixers; those of PLKSR are 3 and 3, 3 and 1, or 1 and 3")
    if state.has("feats.1.lk.convs.*.weight") or state.has("feats.1.lk.mn_conv.weight"):
        raise ValueError("has sparse large kernels; visionfw's PLKSR has dense ones")
    large = state["feats.1.lk.conv.weight"]
    blocks = state.count("feats.*.channe_mixer.0.weight") - 1
    return {
        "scale": math.isqrt(state[f"feats.{blocks + 1}.weight"][0] // channels),
        "blocks": blocks,
        "filters": filters,
        "partial": large[0],
        "kernel_size": large[2],
        "mixer": next(name for name, sides in _MIXERS.items() if sides == kernels),
        "attention": "feats.1.attn.f.0.weight" in state,
        "color": "rgb" if channels == 3 else "y",
    }
