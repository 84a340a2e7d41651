"""RGT: a transformer that attends inside windows and to a few pixels that represent the whole image in turn.

Chen et al., Recursive Generalization Transformer for Image Super-Resolution, ICLR 2024. https://arxiv.org/abs/2303.06373

Defaults: RGT as published, eight groups of six layers of 180 features. RGT-S: `depths=(6,) * 6, heads=(6,) * 6`.

    python train.py --model=rgt --optimizer=adam:beta_2=0.99 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=64 \
        --train_data=DIV2K,Flickr2K --steps=500000

Published, x4, Y: Set5 33.12, Set14 29.23, BSD100 28.00, Urban100 27.98, Manga109 32.50 dB; RGT-S: 32.98, 29.18, 27.98, 27.89, 32.38 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("image_range",)


def rgt(
    *,
    scale=4,
    filters=180,
    depths=(6, 6, 6, 6, 6, 6, 6, 6),
    heads=(6, 6, 6, 6, 6, 6, 6, 6),
    window=(8, 32),
    expansion=2,
    ratio=0.5,
    qkv_bias=True,
    residual="1conv",
    image_range=1.0,
    drop_path=0.1,
    color="rgb",
):
    """Return RGT's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: features; an even number of at least 32.
        depths: layers in each residual group; every second one attends to representative pixels.
        heads: heads of the attentions of each group.
        window: height and width of the windows of half of the heads; the other half's are turned.
        expansion: features inside the feed-forward networks / filters.
        ratio: channels of queries and keys / filters, where representative pixels are attended to.
        qkv_bias: queries, keys and values have a bias.
        residual: end of a residual group: "1conv", or "3conv" for a bottleneck of three convolutions.
        image_range: the network computes with images in [0, image_range].
        drop_path: probability with which training skips the last residual branches; it grows linearly with depth.
        color: "rgb", or "y" for luma alone.
    """
    if len(depths) != len(heads):
        raise ValueError(f"depths and heads must have one entry for each group, not {len(depths)} and {len(heads)}")
    channels = 3 if color == "rgb" else 1
    links, blocks, number = [], {}, 0
    for group, depth in enumerate(depths):
        rates = [drop_path * index / max(sum(depths) - 1, 1) for index in range(number, number + depth)]
        local = {"filters": filters, "heads": heads[group], "window": tuple(window), "qkv_bias": qkv_bias}
        recursive = {"heads": heads[group], "ratio": ratio, "qkv_bias": qkv_bias}
        mlp = {"filters": filters, "hidden": int(filters * expansion + 1e-6)}
        blocks[f"group_{group}"] = _group(group, rates, local, recursive, mlp, residual)
        links.append((f"group_{group - 1}" if group else "embedded", f"group_{group}", f"group_{group}"))
        number += depth
    centered, restored = _normalization(color, image_range)
    return {
        "name": "RGT",
        "paper": "https://arxiv.org/abs/2303.06373",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}, "norm": {"epsilon": 1e-5}},
        "blocks": blocks,
        "links": [
            (0, centered, "centered"),
            ("centered", "Conv2D", "head"),
            ("head", "LayerNormalization", "embedded"),
            *links,
            (f"group_{len(depths) - 1}", "LayerNormalization", "deep"),
            ("deep", "residual_convolution", "body", {"filters": filters, "kind": residual}),
            (("head", "body"), "Add", "features"),
            ("features", "reconstruction", "image", {"scale": scale, "channels": channels}),
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


def _group(group, rates, local, recursive, mlp, residual):
    """Return a residual group: layers of attention inside windows and to representative pixels in turn, and a convolution."""
    links = []
    for layer, rate in enumerate(rates):
        # In every second layer with windows they are shifted: the second, fourth, ... of a group with an even number, else the first, third, ...
        shifted = {**local, "shifted": (layer // 2 + group) % 2 == 1}
        options = {
            "attention": "RecursiveGeneralizationAttention" if layer % 2 else "local_rectangle_attention",
            "attention_options": recursive if layer % 2 else shifted,
            "mlp": "spatial_gate_feed_forward",
            "mlp_options": mlp,
            "drop_path": rate,
        }
        source = f"layer_{layer - 1}" if layer else 0
        links += [
            (source, "transformer_layer", f"attended_{layer}", options),
            (source, "LayerScale", f"skip_{layer}", {"initial": 1e-4}),
            ((f"attended_{layer}", f"skip_{layer}"), "Add", f"layer_{layer}"),
        ]
    convolved = {"filters": mlp["filters"], "kind": residual}
    return {"links": [*links, (f"layer_{len(rates) - 1}", "residual_convolution", "convolved", convolved), ((0, "convolved"), "Add", "sum")]}


def names(*, depths, residual, scale, **_):
    """Return the keys of BasicSR's state_dict by our layers' names."""
    layer, theirs = "block_group_*-block_attended_*", "layers.*.blocks.*"
    attention = {"layer_qkv": ".qkv", "layer_attended": "", "conv_local": ".get_v", "layer_projected": ".proj"}
    feed_forward = {"layer_fc1": "fc1", "norm_gate": "sg.norm", "conv_gate_convolved": "sg.conv", "layer_fc2": "fc2"}
    ends = {"full": "", "first": ".0", "middle": ".2", "last": ".4"}
    return {
        "conv_head": "conv_first",
        "norm_embedded": "before_RG.1",
        f"{layer}-norm_norm1": f"{theirs}.norm1",
        f"{layer}-layer_attention": f"{theirs}.attn",
        **{f"{layer}-block_attention-{ours}": f"{theirs}.attn{key}" for ours, key in attention.items()},
        f"{layer}-norm_norm2": f"{theirs}.norm2",
        **{f"{layer}-block_mlp-{ours}": f"{theirs}.mlp.{key}" for ours, key in feed_forward.items()},
        "block_group_*-layer_skip_*/gamma": f"{theirs}.gamma",
        **{f"block_group_*-block_convolved-conv_{end}": f"layers.*.conv{ends[end]}" for end in _convolutions(residual)},
        "norm_deep": "norm",
        **{f"block_body-conv_{end}": f"conv_after_body{ends[end]}" for end in _convolutions(residual)},
        "block_image-conv_before": "conv_before_upsample.0",
        **({"block_image-block_stages-conv_wide_*": "upsample.{2*}"} if scale > 1 else {}),
        "block_image-conv_last": "conv_last",
    }


def _convolutions(residual):
    """Return the names of the convolutions at the end of a residual group."""
    return ("full",) if residual == "1conv" else ("first", "middle", "last")


def detect(state):
    """Return the arguments of the RGT in a state_dict."""
    filters, channels = state["conv_first.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    first = "layers.0.blocks.0"
    depths = tuple(state.count(f"layers.{group}.blocks.*.gamma") for group in range(state.count("layers.*.blocks.0.gamma")))
    hidden = state[f"{first}.mlp.fc1.weight"][0]
    positions = state[f"{first}.attn.attns.0.rpe_biases"][0]
    squeezed = next((state[f"layers.{group}.blocks.1.attn.conv.weight"][0] for group, depth in enumerate(depths) if depth > 1), filters / 2)
    return {
        "scale": _scale(state),
        "filters": filters,
        "depths": depths,
        "heads": tuple(_heads(state, group, filters) for group in range(len(depths))),
        "window": _window(positions, state[f"{first}.attn.attns.0.relative_position_index"][0]),
        "expansion": hidden // filters if hidden % filters == 0 else hidden / filters,
        "ratio": squeezed / filters,
        "qkv_bias": f"{first}.attn.qkv.bias" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "3conv",
        "color": "rgb" if channels == 3 else "y",
    }


def _heads(state, group, filters):
    """Return the heads of a group: twice those of half of its windows, or one more where that does not divide the features."""
    half = state[f"layers.{group}.blocks.0.attn.attns.0.pos.pos3.2.weight"][0]
    return 2 * half if filters % (2 * half) == 0 else 2 * half + 1


def _window(positions, pixels):
    """Return the sides of a window of `pixels` pixels with `positions` relative positions, (2 a - 1)(2 b - 1), the shorter side first."""
    total = (4 * pixels + 1 - positions) // 2
    shorter = (total - math.isqrt(max(total**2 - 4 * pixels, 0))) // 2
    if shorter < 1 or shorter * (total - shorter) != pixels:
        raise ValueError(f"its windows of {pixels} pixels with {positions} relative positions are not rectangles")
    return shorter, total - shorter


def _scale(state):
    """Return the scale of the upsampler, from the channels that its convolutions make of theirs."""
    scale, stage = 1, 0
    while f"upsample.{2 * stage}.weight" in state:
        wide, features = state[f"upsample.{2 * stage}.weight"][:2]
        scale, stage = scale * math.isqrt(wide // features), stage + 1
    return scale
