"""RealPLKSR: PLKSR for photos with unknown degradations, with normalization, Mish and an optional upsampler that chooses where it reads.

Lee et al., Partial Large Kernel CNNs for Efficient Super-Resolution, 2024. https://arxiv.org/abs/2404.11848

Defaults: as the authors and neosr train it, 28 blocks of 64 features, kernels of 17. `dysample=True` ends in DySample instead of a pixel
shuffle; `layer_norm=True` normalizes at the start of a block instead of its end. Weight files do not tell the groups of the group
normalization.

    python train.py --model=realplksr --optimizer=adam --batch_size=8 --learning_rate=1e-4 --patch_size=64 --train_data=DIV2K --degradation=second_order

No score is published: it is trained for photos without a ground truth.
"""

import math

FAMILY = "photo upscaler"
ASSUMED = ("norm_groups",)

_SMALL_NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.02}}


def realplksr(
    *,
    scale=4,
    blocks=28,
    filters=64,
    partial=16,
    kernel_size=17,
    attention=True,
    layer_norm=False,
    norm_groups=4,
    dysample=False,
    dropout=0.0,
    color="rgb",
):
    """Return RealPLKSR's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: number of blocks.
        filters: features.
        partial: how many of them the large kernels read.
        kernel_size: side of the large kernels, an odd number.
        attention: multiply the features by weights from a 3x3 convolution.
        layer_norm: layer normalization at the start of each block instead of group normalization at its end.
        norm_groups: groups of the group normalization; divides `filters`.
        dysample: upsample by DySample instead of a pixel shuffle.
        dropout: fraction of features that are dropped before the last convolution, in training.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    channels = {"rgb": 3, "y": 1}[color]
    upsampler = ("sum", "PixelShuffle", "sr", {"size": scale})
    if dysample:
        groups = channels if scale % 2 else 4
        sampling = {"scale": scale, "inputs": channels * scale**2, "filters": channels, "groups": groups, "convolution": scale != 1}
        upsampler = ("sum", "dysample", "sr", sampling)
    return {
        "name": "RealPLKSR",
        "paper": "https://arxiv.org/abs/2404.11848",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters, "kernel_initializer": _SMALL_NORMAL}},
        "blocks": {"plk": {"links": _block(filters, partial, kernel_size, attention, None if layer_norm else norm_groups)}},
        "links": [
            (0, "Conv2D", "head"),
            ("head", "plk", "body", {"repeat": blocks}),
            *([("body", "SpatialDropout2D", "dropped", {"rate": dropout})] if dropout else []),
            ("dropped" if dropout else "body", "Conv2D", "tail", {"filters": channels * scale**2}),
            (0, "ChannelRepeat", "repeated", {"times": scale**2}),
            (("tail", "repeated"), "Add", "sum"),
            upsampler,
        ],
    }


def _block(filters, partial, kernel_size, attention, norm_groups):
    """Return the links of a block: two convolutions, the large kernel, attention, a 1x1 convolution and normalization."""
    end = "refined" if norm_groups is None else "normalized"
    return [
        *([(0, "LayerNormalization", "layer_norm", {"epsilon": 1e-6})] if norm_groups is None else []),
        (0 if norm_groups else "layer_norm", "Conv2D", "mixed_1", {"filters": 2 * filters, "kernel_initializer": "glorot_uniform"}),
        ("mixed_1", "mish", "mixed_mish"),
        ("mixed_mish", "Conv2D", "mixed_2"),
        ("mixed_2", "partial_convolution", "partial", {"filters": filters, "partial": partial, "kernel_size": kernel_size}),
        *([("partial", "elementwise_attention", "attended", {"filters": filters})] if attention else []),
        ("attended" if attention else "partial", "Conv2D", "refined", {"kernel_size": 1}),
        *([("refined", "GroupNormalization", "normalized", {"groups": norm_groups, "epsilon": 1e-5})] if norm_groups else []),
        ((0, end), "Add", "sum"),
    ]


def names(*, blocks, **_):
    """Return the keys of neosr's and spandrel's state_dict."""
    return {
        "conv_head": "feats.0",
        "block_body-*-norm_layer_norm": "feats.{*+1}.layer_norm",
        "block_body-*-conv_mixed_1": "feats.{*+1}.channel_mixer.0",
        "block_body-*-conv_mixed_2": "feats.{*+1}.channel_mixer.2",
        "block_body-*-block_partial-conv_large": "feats.{*+1}.lk.conv",
        "block_body-*-block_attended-conv_weights": "feats.{*+1}.attn.f.0",
        "block_body-*-conv_refined": "feats.{*+1}.refine",
        "block_body-*-norm_normalized": "feats.{*+1}.norm",
        "conv_tail": f"feats.{blocks + 2}",
        "block_sr-conv_offset": "to_img.offset",
        "block_sr-conv_scope": "to_img.scope",
        "block_sr-conv_end": "to_img.end_conv",
        "block_sr-layer_sampled": "to_img",
    }


def detect(state):
    """Return the arguments of the RealPLKSR in a state_dict."""
    filters, channels = state["feats.0.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    large = state["feats.1.lk.conv.weight"]
    mixers = state.count("feats.*.channel_mixer.0.weight")
    return {
        "scale": math.isqrt(state[f"feats.{mixers + 1}.weight"][0] // channels),
        "blocks": mixers - 1,
        "filters": filters,
        "partial": large[0],
        "kernel_size": large[2],
        "attention": "feats.1.attn.f.0.weight" in state,
        "layer_norm": "feats.1.layer_norm.weight" in state,
        "dysample": "to_img.offset.weight" in state,
        "color": "rgb" if channels == 3 else "y",
    }
