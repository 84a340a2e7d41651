"""MoSR: gated convolutions after MambaOut, a transformer block without its token mixer.

No paper: umzi2, Mamba Out Super-Resolution, 2024, https://github.com/umzi2/MoSR; the block after Yu and Wang, MambaOut, CVPR 2025,
https://arxiv.org/abs/2405.07992.

Defaults: as published, 24 blocks of 64 features. The tiny model has `blocks=5,filters=48`.

    python train.py --model=mosr --optimizer=adam --batch_size=8 --learning_rate=5e-4 --patch_size=64 --train_data=DIV2K --degradation=second_order

No score is published.
"""

import math

FAMILY = "efficient CNN"

_SMALL_NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.02}}
_UPSAMPLERS = ("pixelshuffle", "ensemble", "dysample")


def mosr(*, scale=4, blocks=24, filters=64, hidden=96, convolved=64, kernel_size=7, upsampler="pixelshuffle", color="rgb"):
    """Return MoSR's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of blocks.
        filters: features.
        hidden: features inside a block.
        convolved: how many of them, the last, the depthwise convolution reads.
        kernel_size: side of the depthwise convolution, an odd number.
        upsampler: "pixelshuffle", "ensemble" (the mean of eight pixel shuffles) or "dysample".
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    if upsampler not in _UPSAMPLERS:
        raise ValueError(f"upsampler must be {', '.join(_UPSAMPLERS[:-1])} or {_UPSAMPLERS[-1]}, not {upsampler!r}")
    if not 1 <= convolved <= hidden:
        raise ValueError(f"convolved must be between 1 and the {hidden} hidden features, not {convolved}")
    channels = {"rgb": 3, "y": 1}[color]
    return {
        "name": "MoSR",
        "paper": "https://github.com/umzi2/MoSR",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"gated": {"links": _block(filters, hidden, convolved, kernel_size)}},
        "links": [
            (0, "Conv2D", "head"),
            ("head", "gated", "body", {"repeat": blocks}),
            ("body", "Conv2D", "tail_1", {"filters": 2 * filters}),
            ("tail_1", "mish", "tail_1_mish"),
            ("tail_1_mish", "Conv2D", "tail_2"),
            ("tail_2", "mish", "tail_2_mish"),
            ("tail_2_mish", "Conv2D", "tail_3", {"kernel_size": 1}),
            (0, "Conv2D", "skip_1"),
            ("skip_1", "mish", "skip_1_mish"),
            ("skip_1_mish", "Conv2D", "skip_2"),
            ("skip_2", "mish", "skip_2_mish"),
            (0, "Conv2D", "skip_3", {"kernel_size": 1}),
            (("skip_2_mish", "skip_3"), "Add", "skip"),
            ("skip", "Rescaling", "skip_shifted", {"scale": 1.0, "offset": -0.5}),
            (("tail_3", "skip_shifted"), "Add", "features"),
            *_upsampling(upsampler, scale, filters, channels),
        ],
    }


def _block(filters, hidden, convolved, kernel_size):
    """Return the links of a gated block: hidden features, the last of them convolved, times gates."""
    small = {"kernel_initializer": _SMALL_NORMAL}
    kept = hidden - convolved
    mixed = "convolved"
    passed = []
    if kept:
        mixed = "mixed"
        passed = [("wide", "ChannelSlice", "passed", {"start": hidden, "stop": hidden + kept}), (("passed", "convolved"), "Concatenate", "mixed")]
    return [
        (0, "LayerNormalization", "normalized", {"epsilon": 1e-6}),
        ("normalized", "Conv2D", "wide", {"filters": 2 * hidden, **small}),
        ("wide", "ChannelSlice", "gates", {"stop": hidden}),
        ("gates", "mish", "gates_mish"),
        ("wide", "ChannelSlice", "last", {"start": hidden + kept}),
        ("last", "DepthwiseConv2D", "convolved", {"kernel_size": kernel_size, "depthwise_initializer": _SMALL_NORMAL}),
        *passed,
        (("gates_mish", mixed), "Multiply", "gated"),
        ("gated", "Conv2D", "narrow", small),
        ("narrow", "mish", "narrow_mish"),
        (0, "Rescaling", "shifted", {"scale": 1.0, "offset": -0.5}),
        (("narrow_mish", "shifted"), "Add", "sum"),
    ]


def _upsampling(upsampler, scale, filters, channels):
    """Return the links from the features to the image."""
    pixels = channels * scale**2
    if upsampler == "dysample":
        return [("features", "dysample", "sr", {"scale": scale, "inputs": filters, "filters": channels, "groups": 4})]
    if upsampler == "pixelshuffle":
        return [("features", "Conv2D", "pixels", {"filters": pixels}), ("pixels", "PixelShuffle", "sr", {"size": scale})]
    slices = [("pixels", "ChannelSlice", f"one_{one}", {"start": one * pixels, "stop": (one + 1) * pixels}) for one in range(8)]
    return [
        ("features", "Conv2D", "pixels", {"filters": 8 * pixels}),
        *slices,
        (tuple(f"one_{one}" for one in range(8)), "Average", "mean"),
        ("mean", "PixelShuffle", "sr", {"size": scale}),
    ]


def names(*, blocks, upsampler, **_):
    """Return the keys of the author's and neosr's state_dict."""
    return {
        "conv_head": "gblocks.0",
        "block_body-*-norm_normalized": "gblocks.{*+1}.norm",
        "block_body-*-conv_wide": "gblocks.{*+1}.fc1",
        "block_body-*-conv_convolved": "gblocks.{*+1}.conv",
        "block_body-*-conv_narrow": "gblocks.{*+1}.fc2",
        "conv_tail_1": f"gblocks.{blocks + 1}",
        "conv_tail_2": f"gblocks.{blocks + 3}",
        "conv_tail_3": f"gblocks.{blocks + 5}",
        "conv_skip_1": "shortcut.block.0",
        "conv_skip_2": "shortcut.block.2",
        "conv_skip_3": "shortcut.conv11",
        "conv_pixels": "upsampler.in_to_k" if upsampler == "ensemble" else "upsampler.0",
        "block_sr-conv_offset": "upsampler.offset",
        "block_sr-conv_scope": "upsampler.scope",
        "block_sr-conv_end": "upsampler.end_conv",
        "block_sr-layer_sampled": "upsampler",
    }


def detect(state):
    """Return the arguments of the MoSR in a state_dict."""
    filters, channels = state["gblocks.0.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    if "upsampler.offset.weight" in state:
        upsampler, scale = "dysample", math.isqrt(state["upsampler.offset.weight"][0] // 8)
    elif "upsampler.in_to_k.weight" in state:
        upsampler, scale = "ensemble", math.isqrt(state["upsampler.in_to_k.weight"][0] // 8 // channels)
    else:
        upsampler, scale = "pixelshuffle", math.isqrt(state["upsampler.0.weight"][0] // channels)
    return {
        "scale": scale,
        "blocks": state.count("gblocks.*.fc1.weight") - 1,
        "filters": filters,
        "hidden": state["gblocks.1.fc1.weight"][0] // 2,
        "convolved": state["gblocks.1.conv.weight"][0],
        "kernel_size": state["gblocks.1.conv.weight"][2],
        "upsampler": upsampler,
        "color": "rgb" if channels == 3 else "y",
    }
