"""ATD: a transformer of windows that also attends to a dictionary of learned tokens, and among pixels that resemble the same token.

Zhang et al., Transcending the Limit of Local Window: Advanced Super-Resolution Transformer with Adaptive Token Dictionary, CVPR 2024.
https://arxiv.org/abs/2401.08209

Defaults: ATD as published, six groups of six layers of 210 features. ATD-light: `depths=(6,) * 4, heads=(4,) * 4, filters=48, expansion=1,
category_size=128, tokens=64, reduced=8, kernel_size=7, upsampler="pixelshuffledirect"`.

    python train.py --model=atd --optimizer=adamw:beta_2=0.9 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=64 \
        --train_data=DIV2K,Flickr2K --steps=550000

Published, x4, Y: Set5 33.14, Set14 29.25, BSD100 28.02, Urban100 28.22, Manga109 32.65 dB; ATD-light: 32.63, 28.89, 27.79, 26.97, 31.48 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("image_range", "category_size")


def atd(
    *,
    scale=4,
    filters=210,
    depths=(6, 6, 6, 6, 6, 6),
    heads=(6, 6, 6, 6, 6, 6),
    window=16,
    category_size=256,
    tokens=128,
    reduced=20,
    kernel_size=5,
    expansion=2,
    qkv_bias=True,
    patch_norm=True,
    residual="1conv",
    upsampler="pixelshuffle",
    mean_shift=True,
    image_range=1.0,
    color="rgb",
):
    """Return ATD's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: features.
        depths: layers in each residual group.
        heads: heads of the attentions of each group.
        window: side of the windows; images are mirrored to a multiple of it.
        category_size: pixels that attend to each other because they resemble the same token.
        tokens: tokens in the dictionary of each group.
        reduced: channels in which pixels and tokens are compared.
        kernel_size: of the convolutions in the feed-forward networks.
        expansion: features inside the feed-forward networks / filters.
        qkv_bias: queries, keys and values have a bias.
        patch_norm: the first features are normalized.
        residual: end of a residual group: "1conv", or "3conv" for a bottleneck of three convolutions.
        upsampler: "pixelshuffle", in stages; "pixelshuffledirect", one convolution and one pixel shuffle (ATD-light); "nearest+conv", scale 4
            alone; or "", which predicts what is added to the image, scale 1 alone.
        mean_shift: DIV2K's mean color is subtracted first.
        image_range: the network computes with images in [0, image_range].
        color: "rgb", or "y" for luma alone.
    """
    if len(depths) != len(heads):
        raise ValueError(f"depths and heads must have one entry for each group, not {len(depths)} and {len(heads)}")
    if upsampler == "nearest+conv" and scale != 4:
        raise ValueError(f"scale must be 4 with upsampler 'nearest+conv', not {scale}")
    channels = 3 if color == "rgb" else 1
    shared = {"filters": filters, "window": window, "category_size": category_size, "tokens": tokens, "reduced": reduced, "qkv_bias": qkv_bias}
    shared |= {"mlp": {"filters": filters, "hidden": int(filters * expansion + 1e-6), "kernel_size": kernel_size}}
    groups = range(len(depths))
    centered, restored = _normalization(color, image_range) if mean_shift else (["linear"], ["linear"])
    end = ("features", "reconstruction", "image", {"upsampler": upsampler, "scale": scale, "channels": channels})
    return {
        "name": "ATD",
        "paper": "https://arxiv.org/abs/2401.08209",
        "scale": scale,
        "color": color,
        "multiple": window,
        "edge": "symmetric",
        "defaults": {"conv": {"filters": filters}, "norm": {"epsilon": 1e-5}},
        "blocks": {f"group_{group}": _group(depths[group], heads[group], residual, **shared) for group in groups},
        "links": [
            (0, centered, "centered"),
            ("centered", "Conv2D", "head"),
            ("head", "LayerNormalization" if patch_norm else "linear", "embedded"),
            *((f"group_{group - 1}" if group else "embedded", f"group_{group}", f"group_{group}") for group in groups),
            (f"group_{len(depths) - 1}", "LayerNormalization", "deep"),
            ("deep", "residual_convolution", "body", {"filters": filters, "kind": residual}),
            (("head", "body"), "Add", "features"),
            *([end] if upsampler else [("features", "reconstruction", "correction", end[3]), (("centered", "correction"), "Add", "image")]),
            ("image", restored, "sr"),
        ],
    }


def _normalization(color, image_range):
    """Return the layers before and after the network: DIV2K's mean color is subtracted and added, the range is stretched and shrunk."""
    centered, restored = [], []
    if color == "rgb":
        centered, restored = [("MeanShift", {"sign": -1})], [("MeanShift", {"sign": 1})]
    if image_range != 1:
        centered, restored = [*centered, ("Rescaling", {"scale": image_range})], [("Rescaling", {"scale": 1 / image_range}), *restored]
    return centered or ["linear"], restored or ["linear"]


def _group(depth, heads, residual, *, filters, tokens, **options):
    """Return a residual group: a dictionary of tokens, layers that use and refine it, and a convolution."""
    links = [(0, "TokenDictionary", "dictionary", {"tokens": tokens})]
    for layer in range(depth):
        links += _layer(layer, heads, filters, is_last=layer == depth - 1, **options)
    links += [(f"layer_{depth - 1}", "residual_convolution", "convolved", {"filters": filters, "kind": residual}), ((0, "convolved"), "Add", "sum")]
    return {"links": links}


def _layer(n, heads, filters, is_last, *, window, category_size, reduced, qkv_bias, mlp):
    """Return layer n of a group: three attentions on the same normalized pixels, a feed-forward network, and new tokens unless it is the last."""
    x, tokens = (f"layer_{n - 1}" if n else 0), (f"refined_{n - 1}" if n else "dictionary")
    dense = {"units": filters, "kernel_initializer": {"class_name": "TruncatedNormal", "config": {"stddev": 0.02}}}
    shift = window // 2 if n % 2 else 0
    links = [
        (x, "LayerNormalization", f"norm1_{n}"),
        (f"norm1_{n}", "Dense", f"qkv_{n}", {**dense, "units": 3 * filters, "use_bias": qkv_bias}),
        ((f"norm1_{n}", tokens), "TokenSimilarity", f"shares_{n}", {"reduced": reduced, "use_bias": qkv_bias}),
        (tokens, "Dense", f"values_{n}", {**dense, "use_bias": qkv_bias}),
        ((f"shares_{n}", f"values_{n}"), "TokenMixture", f"remembered_{n}"),
        ((f"qkv_{n}", f"shares_{n}"), "CategoryAttention", f"category_{n}", {"heads": heads, "category_size": category_size}),
        (f"category_{n}", "Dense", f"alike_{n}", {**dense, "use_bias": qkv_bias}),
        (f"qkv_{n}", "QkvWindowAttention", f"window_{n}", {"heads": heads, "window": window, "shift": shift}),
        (f"window_{n}", "Dense", f"near_{n}", dense),
        ((x, f"near_{n}", f"remembered_{n}", f"alike_{n}"), "Add", f"attended_{n}"),
        (f"attended_{n}", "LayerNormalization", f"norm2_{n}"),
        (f"norm2_{n}", "convolutional_feed_forward", f"mlp_{n}", mlp),
        ((f"attended_{n}", f"mlp_{n}"), "Add", f"layer_{n}"),
    ]
    return links if is_last else [*links, ((f"layer_{n}", f"shares_{n}", tokens), "TokenRefinement", f"refined_{n}")]


def names(*, patch_norm, residual, upsampler, scale, mean_shift, **_):
    """Return the keys of BasicSR's state_dict by our layers' names."""
    theirs = "layers.*.residual_group"
    layer = {
        "norm_norm1": "norm1",
        "layer_qkv": "wqkv",
        "layer_shares": "attn_atd",
        "layer_values": "attn_atd.wv",
        "layer_category": "attn_aca",
        "layer_alike": "attn_aca.proj",
        "layer_window": "attn_win",
        "layer_near": "attn_win.proj",
        "norm_norm2": "norm2",
    }
    feed_forward = {"layer_fc1": "fc1", "conv_local": "dwconv.depthwise_conv.0", "layer_fc2": "fc2"}
    ends = {"full": ""} if residual == "1conv" else {"first": ".0", "middle": ".2", "last": ".4"}
    return {
        "conv_head": "conv_first",
        **({"norm_embedded": "patch_embed.norm"} if patch_norm else {}),
        "block_group_*-layer_dictionary": theirs,
        **{f"block_group_*-{ours}_*": f"{theirs}.layers.*.{key}" for ours, key in layer.items()},
        "block_group_*-layer_window_*/relative_position_index": "relative_position_index_SA",
        **{f"block_group_*-block_mlp_*-{ours}": f"{theirs}.layers.*.convffn.{key}" for ours, key in feed_forward.items()},
        "block_group_*-layer_refined_*": f"{theirs}.layers.*",
        **{f"block_group_*-block_convolved-conv_{ours}": f"layers.*.conv{key}" for ours, key in ends.items()},
        "norm_deep": "norm",
        **{f"block_body-conv_{ours}": f"conv_after_body{key}" for ours, key in ends.items()},
        **_reconstruction_names(upsampler, scale),
        **({} if mean_shift else {"=0": "no_norm.reshape(1)"}),
    }


def _reconstruction_names(upsampler, scale):
    """Return the keys of the upsampler."""
    if upsampler == "":
        return {"block_correction-conv_last": "conv_last"}
    if upsampler == "pixelshuffledirect":
        return {"block_image-conv_last": "upsample.0"}
    around = {"block_image-conv_before": "conv_before_upsample.0", "block_image-conv_last": "conv_last"}
    if upsampler == "nearest+conv":
        return {**around, **{f"block_image-conv_{name}": f"conv_{name}" for name in ("up1", "up2", "hr")}}
    return {**around, **({"block_image-block_stages-conv_wide_*": "upsample.{2*}"} if scale > 1 else {})}


def detect(state):
    """Return the arguments of the ATD in a state_dict."""
    filters, channels = state["conv_first.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    if "absolute_pos_embed" in state:
        raise ValueError("its absolute position embedding (ape) takes images of one size only")
    groups = range(state.count("layers.*.residual_group.td"))
    first = "layers.0.residual_group.layers.0"
    tables = [state[f"layers.{group}.residual_group.layers.0.attn_win.relative_position_bias_table"] for group in groups]
    hidden, kernel_size = state[f"{first}.convffn.dwconv.depthwise_conv.0.weight"][::2]
    upsampler, scale = _upsampler(state, channels)
    light = {"category_size": 128} if upsampler == "pixelshuffledirect" and filters == 48 else {}  # ATD-light
    return {
        "scale": scale,
        "filters": filters,
        "depths": tuple(state.count(f"layers.{group}.residual_group.layers.*.norm1.weight") for group in groups),
        "heads": tuple(heads for _, heads in tables),
        "window": (math.isqrt(tables[0][0]) + 1) // 2,
        **light,
        "tokens": state["layers.0.residual_group.td"][0],
        "reduced": state[f"{first}.attn_atd.wq.weight"][0],
        "kernel_size": kernel_size,
        "expansion": hidden // filters if hidden % filters == 0 else hidden / filters,
        "qkv_bias": f"{first}.wqkv.bias" in state,
        "patch_norm": "patch_embed.norm.weight" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "3conv",
        "upsampler": upsampler,
        "mean_shift": "no_norm" not in state,
        "color": "rgb" if channels == 3 else "y",
    }


def _upsampler(state, channels):
    """Return the upsampler and the scale, from the channels that its convolutions make of theirs."""
    if "conv_up1.weight" in state:
        return "nearest+conv", 4
    if "conv_last.weight" not in state:
        return "pixelshuffledirect", math.isqrt(state["upsample.0.weight"][0] // channels)
    if "conv_before_upsample.0.weight" not in state:
        return "", 1
    scale, stage = 1, 0
    while f"upsample.{2 * stage}.weight" in state:
        wide, features = state[f"upsample.{2 * stage}.weight"][:2]
        scale, stage = scale * math.isqrt(wide // features), stage + 1
    return "pixelshuffle", scale
