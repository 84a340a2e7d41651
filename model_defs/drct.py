"""DRCT: dense groups of Swin transformer layers; each reads the features of the group's input and of all layers before it.

Hsu et al., DRCT: Saving Image Super-Resolution away from Information Bottleneck, CVPRW 2024. https://arxiv.org/abs/2404.00722

Defaults: DRCT. DRCT-L: `groups=12`.

    python train.py --model=drct --optimizer=adam:beta_2=0.99 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=64 \
        --train_data=DIV2K,Flickr2K --steps=500000

Published, x4, Y: Set5 33.11, Set14 29.35, BSD100 28.18, Urban100 28.06, Manga109 32.59 dB; DRCT-L, pretrained on ImageNet: 33.37, 29.54, 28.16,
28.70, 33.14 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("image_range",)


def drct(
    *,
    scale=4,
    filters=180,
    growth=32,
    groups=6,
    heads=6,
    window=16,
    mlp_ratio=2,
    qkv_bias=True,
    patch_norm=True,
    residual="1conv",
    image_range=1.0,
    drop_path=0.1,
    color="rgb",
):
    """Return DRCT's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: channels of the transformer.
        growth: channels that each layer of a group adds to its features.
        groups: number of dense groups, of five layers each.
        heads: heads of a group's first layer; one number, or one for each group. Where they do not divide the channels of a later layer, the
            rest of that division is taken off.
        window: side of the windows.
        mlp_ratio: channels inside the MLPs / their input's, in the first three layers; 1 in the others.
        qkv_bias: queries, keys and values have a bias.
        patch_norm: the features are normalized before the first group.
        residual: convolution behind the groups: "1conv", or "identity" for none.
        image_range: the network computes with images in [0, image_range].
        drop_path: probability with which training skips the last residual branches; it grows linearly from group to group.
        color: "rgb", or "y" for luma alone.
    """
    if residual not in ("1conv", "identity"):
        raise ValueError(f"residual must be '1conv' or 'identity', not {residual!r}")
    heads = (heads,) * groups if isinstance(heads, int) else tuple(heads)
    if len(heads) != groups:
        raise ValueError(f"heads must be one number or one for each of the {groups} groups, not {len(heads)}")
    before, after = _normalization(color, image_range)
    rates = [drop_path * 6 * group / max(6 * groups - 1, 1) for group in range(groups)]  # counted as if groups had six layers
    copies = [{"drop_path": rate, **_heads(number, filters, growth)} for number, rate in zip(heads, rates, strict=True)]
    return {
        "name": "DRCT",
        "paper": "https://arxiv.org/abs/2404.00722",
        "scale": scale,
        "color": color,
        "multiple": window,
        "edge": "reflect",
        "defaults": {"conv": {"filters": filters}, "norm": {"layer": "LayerNormalization", "epsilon": 1e-5}},
        "blocks": {"dense_group": _dense_group(filters, growth, window, mlp_ratio, qkv_bias)},
        "links": [
            (0, before, "image"),
            ("image", "Conv2D", "head"),
            ("head", "LayerNormalization" if patch_norm else "linear", "embedded"),
            ("embedded", "dense_group", "groups", {"repeat": copies}),
            ("groups", "LayerNormalization", "deep"),
            ("deep", "residual_convolution", "body", {"filters": filters, "kind": residual}),
            (("head", "body"), "Add", "features"),
            ("features", "reconstruction", "end", {"scale": scale, "channels": 3 if color == "rgb" else 1}),
            ("end", after, "sr"),
        ],
    }


def _dense_group(filters, growth, window, mlp_ratio, qkv_bias):
    """Return a group: five Swin layers, each on all features so far and followed by a convolution that makes the next ones."""
    links, features = [], [0]
    for layer in range(1, 6):
        width = filters + (layer - 1) * growth
        swin = {"filters": width, "heads": f"$heads_{layer}", "window": window, "shift": 0 if layer % 2 else window // 2}
        swin |= {"hidden": round(width * (mlp_ratio if layer < 4 else 1)), "qkv_bias": qkv_bias, "drop_path": "$drop_path"}
        if layer > 1:
            links.append((tuple(features), "Concatenate", f"dense_{layer}"))
        links.append((f"dense_{layer}" if layer > 1 else 0, "swin_layer", f"swin_{layer}", swin))
        links.append((f"swin_{layer}", "Conv2D", f"adjusted_{layer}", {"filters": growth if layer < 5 else filters, "kernel_size": 1}))
        if layer < 5:
            links.append((f"adjusted_{layer}", "LeakyReLU", f"features_{layer}", {"negative_slope": 0.2}))
            features.append(f"features_{layer}")
    return {
        "parameters": {"drop_path": 0.0, **{f"heads_{layer}": 6 for layer in range(1, 6)}},
        "links": [*links, ("adjusted_5", "Rescaling", "scaled", {"scale": 0.2}), ((0, "scaled"), "Add", "sum")],
    }


def _heads(heads, filters, growth):
    """Return the heads of a group's five layers."""
    widths = [filters + layer * growth for layer in range(5)]
    return {"heads_1": heads, **{f"heads_{layer}": heads - widths[layer - 1] % heads for layer in range(2, 6)}}


def _normalization(color, image_range):
    """Return the layers before and after the network: DIV2K's mean color is subtracted and added, the range is stretched and shrunk."""
    before, after = [], []
    if color == "rgb":
        before, after = [("MeanShift", {"sign": -1})], [("MeanShift", {"sign": 1})]
    if image_range != 1:
        before, after = [*before, ("Rescaling", {"scale": image_range})], [("Rescaling", {"scale": 1 / image_range}), *after]
    return before or ["linear"], after or ["linear"]


def names(**_):
    """Return the keys of BasicSR's state_dict by our layers' names."""
    layer, theirs = "block_groups-*-block_swin_*", "layers.*.swin*"
    return {
        "conv_head": "conv_first",
        "norm_embedded": "patch_embed.norm",
        f"{layer}-norm_norm*": f"{theirs}.norm*",
        f"{layer}-layer_attention": f"{theirs}.attn",
        f"{layer}-block_mlp-layer_fc*": f"{theirs}.mlp.fc*",
        "block_groups-*-conv_adjusted_*": "layers.*.adjust*",
        "norm_deep": "norm",
        "block_body-conv_full": "conv_after_body",
        "block_end-conv_before": "conv_before_upsample.0",
        "block_end-block_stages-conv_wide_*": "upsample.{2*}",
        "block_end-conv_last": "conv_last",
    }


def detect(state):
    """Return the arguments of the DRCT in a state_dict."""
    if "absolute_pos_embed" in state:
        raise ValueError("has an absolute position embedding, which fits images of one size only")
    filters, channels = state["conv_first.weight"][:2]
    groups = state.count("layers.*.swin1.attn.qkv.weight")
    heads = tuple(state[f"layers.{group}.swin1.attn.relative_position_bias_table"][1] for group in range(groups))
    return {
        "scale": _scale(state),
        "filters": filters,
        "growth": state["layers.0.adjust1.weight"][0],
        "groups": groups,
        "heads": heads[0] if len(set(heads)) == 1 else heads,
        "window": (math.isqrt(state["layers.0.swin1.attn.relative_position_bias_table"][0]) + 1) // 2,
        "mlp_ratio": state["layers.0.swin1.mlp.fc1.weight"][0] / filters,
        "qkv_bias": "layers.0.swin1.attn.qkv.bias" in state,
        "patch_norm": "patch_embed.norm.weight" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "identity",
        "color": _color(channels),
    }


def _color(channels):
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return "rgb" if channels == 3 else "y"


def _scale(state):
    """Return the factor by which the upsampler enlarges."""
    stages = [state[f"upsample.{stage}.weight"] for stage in (0, 2, 4) if f"upsample.{stage}.weight" in state]
    return math.prod(math.isqrt(wide // narrow) for wide, narrow, *_ in stages)
