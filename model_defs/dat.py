"""DAT: a transformer that attends inside windows and among channels in turn, each beside a convolution.

Chen et al., Dual Aggregation Transformer for Image Super-Resolution, ICCV 2023. https://arxiv.org/abs/2308.03364

Defaults: DAT as published, six groups of six layers of 180 features. DAT-2: `expansion=2`. DAT-S: `expansion=2, window=(8, 16)`. DAT-light:
`depths=(18,), heads=(6,), filters=60, expansion=2, residual="3conv", upsampler="pixelshuffledirect"`.

    python train.py --model=dat --optimizer=adam:beta_2=0.99 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=64 \
        --train_data=DIV2K,Flickr2K --steps=500000

Published, x4, Y: Set5 33.08, Set14 29.23, BSD100 28.00, Urban100 27.87, Manga109 32.51 dB; DAT-S: 33.00, 29.20, 27.97, 27.68, 32.33 dB;
DAT-2: 33.01, 29.21, 27.98, 27.86, 32.41 dB; DAT-light: 32.57, 28.87, 27.74, 26.64, 31.37 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("image_range",)


def dat(
    *,
    scale=4,
    filters=180,
    depths=(6, 6, 6, 6, 6, 6),
    heads=(6, 6, 6, 6, 6, 6),
    window=(8, 32),
    expansion=4,
    qkv_bias=True,
    residual="1conv",
    upsampler="pixelshuffle",
    image_range=1.0,
    drop_path=0.1,
    color="rgb",
):
    """Return DAT's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: features; an even number of at least 32.
        depths: layers in each residual group; every second one attends among channels.
        heads: heads of the attentions of each group.
        window: height and width of the windows of half of the heads; the other half's are turned.
        expansion: features inside the feed-forward networks / filters.
        qkv_bias: queries, keys and values have a bias.
        residual: end of a residual group: "1conv", or "3conv" for a bottleneck of three convolutions.
        upsampler: "pixelshuffle", in stages, or "pixelshuffledirect", one convolution and one pixel shuffle (DAT-light).
        image_range: the network computes with images in [0, image_range].
        drop_path: probability with which training skips the last residual branches; it grows linearly with depth.
        color: "rgb", or "y" for luma alone.
    """
    if len(depths) != len(heads):
        raise ValueError(f"depths and heads must have one entry for each group, not {len(depths)} and {len(heads)}")
    if upsampler not in ("pixelshuffle", "pixelshuffledirect"):
        raise ValueError(f"upsampler must be 'pixelshuffle' or 'pixelshuffledirect', not {upsampler!r}")
    channels = 3 if color == "rgb" else 1
    links, blocks, number = [], {}, 0
    for group, depth in enumerate(depths):
        rates = [drop_path * index / max(sum(depths) - 1, 1) for index in range(number, number + depth)]
        shared = {"filters": filters, "heads": heads[group], "qkv_bias": qkv_bias}
        blocks[f"group_{group}"] = _group(group, rates, shared, tuple(window), int(filters * expansion + 1e-6), residual)
        links.append((f"group_{group - 1}" if group else "embedded", f"group_{group}", f"group_{group}"))
        number += depth
    centered, restored = _normalization(color, image_range)
    return {
        "name": "DAT",
        "paper": "https://arxiv.org/abs/2308.03364",
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
            ("features", "reconstruction", "image", {"upsampler": upsampler, "scale": scale, "channels": channels}),
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


def _group(group, rates, shared, window, hidden, residual):
    """Return a residual group: layers of attention inside windows and among channels in turn, and a convolution."""
    links = []
    for layer, rate in enumerate(rates):
        # In every second layer with windows they are shifted: the second, fourth, ... of a group with an even number, else the first, third, ...
        spatial = {**shared, "window": window, "shifted": (layer // 2 + group) % 2 == 1}
        options = {
            "attention": "adaptive_channel_attention" if layer % 2 else "adaptive_spatial_attention",
            "attention_options": shared if layer % 2 else spatial,
            "mlp": "spatial_gate_feed_forward",
            "mlp_options": {"filters": shared["filters"], "hidden": hidden},
            "drop_path": rate,
        }
        links.append((f"layer_{layer - 1}" if layer else 0, "transformer_layer", f"layer_{layer}", options))
    return {
        "links": [
            *links,
            (f"layer_{len(rates) - 1}", "residual_convolution", "convolved", {"filters": shared["filters"], "kind": residual}),
            ((0, "convolved"), "Add", "sum"),
        ],
    }


def names(*, residual, upsampler, scale, **_):
    """Return the keys of BasicSR's state_dict by our layers' names."""
    layer, theirs = "block_group_*-block_layer_*", "layers.*.blocks.*"
    attention = {
        "layer_qkv": "qkv",
        "layer_attended": "",
        "conv_local": "dwconv.0",
        "norm_local_normed": "dwconv.1",
        "conv_channel_1": "channel_interaction.1",
        "norm_channel_2": "channel_interaction.2",
        "conv_channel_4": "channel_interaction.4",
        "conv_spatial_0": "spatial_interaction.0",
        "norm_spatial_1": "spatial_interaction.1",
        "conv_spatial_3": "spatial_interaction.3",
        "layer_projected": "proj",
    }
    feed_forward = {"layer_fc1": "fc1", "norm_gate": "sg.norm", "conv_gate_convolved": "sg.conv", "layer_fc2": "fc2"}
    ends = {"full": "", "first": ".0", "middle": ".2", "last": ".4"}
    return {
        "conv_head": "conv_first",
        "norm_embedded": "before_RG.1",
        f"{layer}-norm_norm1": f"{theirs}.norm1",
        **{f"{layer}-block_attention-{ours}": f"{theirs}.attn.{key}".rstrip(".") for ours, key in attention.items()},
        f"{layer}-norm_norm2": f"{theirs}.norm2",
        **{f"{layer}-block_mlp-{ours}": f"{theirs}.ffn.{key}" for ours, key in feed_forward.items()},
        **{f"block_group_*-block_convolved-conv_{end}": f"layers.*.conv{ends[end]}" for end in _convolutions(residual)},
        "norm_deep": "norm",
        **{f"block_body-conv_{end}": f"conv_after_body{ends[end]}" for end in _convolutions(residual)},
        **_reconstruction_names(upsampler, scale),
    }


def _convolutions(residual):
    """Return the names of the convolutions at the end of a residual group."""
    return ("full",) if residual == "1conv" else ("first", "middle", "last")


def _reconstruction_names(upsampler, scale):
    """Return the keys of the upsampler."""
    if upsampler == "pixelshuffledirect":
        return {"block_image-conv_last": "upsample.0"}
    stages = {"block_image-block_stages-conv_wide_*": "upsample.{2*}"} if scale > 1 else {}
    return {"block_image-conv_before": "conv_before_upsample.0", **stages, "block_image-conv_last": "conv_last"}


def detect(state):
    """Return the arguments of the DAT in a state_dict."""
    filters, channels = state["conv_first.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    first = "layers.0.blocks.0"
    depths = tuple(state.count(f"layers.{group}.blocks.*.norm1.weight") for group in range(state.count("layers.*.blocks.0.norm1.weight")))
    hidden = state[f"{first}.ffn.fc1.weight"][0]
    positions = state[f"{first}.attn.attns.0.rpe_biases"][0]
    is_staged = "conv_last.weight" in state
    return {
        "scale": _scale(state, is_staged, channels),
        "filters": filters,
        "depths": depths,
        "heads": tuple(_heads(state, group, depth) for group, depth in enumerate(depths)),
        "window": _window(positions, state[f"{first}.attn.attns.0.relative_position_index"][0]),
        "expansion": hidden // filters if hidden % filters == 0 else hidden / filters,
        "qkv_bias": f"{first}.attn.qkv.bias" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "3conv",
        "upsampler": "pixelshuffle" if is_staged else "pixelshuffledirect",
        "color": "rgb" if channels == 3 else "y",
    }


def _heads(state, group, depth):
    """Return the heads of a group: those of its attention among channels, or twice those of half of its windows."""
    if depth > 1:
        return state[f"layers.{group}.blocks.1.attn.temperature"][0]
    return 2 * state[f"layers.{group}.blocks.0.attn.attns.0.pos.pos3.2.weight"][0]


def _window(positions, pixels):
    """Return the sides of a window of `pixels` pixels with `positions` relative positions, (2 a - 1)(2 b - 1), the shorter side first."""
    total = (4 * pixels + 1 - positions) // 2
    shorter = (total - math.isqrt(max(total**2 - 4 * pixels, 0))) // 2
    if shorter < 1 or shorter * (total - shorter) != pixels:
        raise ValueError(f"its windows of {pixels} pixels with {positions} relative positions are not rectangles")
    return shorter, total - shorter


def _scale(state, is_staged, channels):
    """Return the scale of the upsampler, from the channels that its convolutions make of theirs."""
    if not is_staged:
        return math.isqrt(state["upsample.0.weight"][0] // channels)
    scale, stage = 1, 0
    while f"upsample.{2 * stage}.weight" in state:
        wide, features = state[f"upsample.{2 * stage}.weight"][:2]
        scale, stage = scale * math.isqrt(wide // features), stage + 1
    return scale
