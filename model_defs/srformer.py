"""SRFormer: SwinIR with large windows, in which four pixels share a key, and a depthwise convolution inside the MLPs.

Zhou et al., SRFormer: Permuted Self-Attention for Single Image Super-Resolution, ICCV 2023. https://arxiv.org/abs/2303.09735

Defaults: SRFormer. SRFormer-light: `filters=60, depths=(6, 6, 6, 6), window=16, upsampler="pixelshuffledirect"`.

    python train.py --model=srformer --optimizer=adam:beta_2=0.99 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=48 \
        --train_data=DIV2K,Flickr2K --steps=500000

Published, x4, Y: Set5 32.93, Set14 29.08, BSD100 27.94, Urban100 27.68, Manga109 32.21 dB; SRFormer-light: 32.51, 28.82, 27.73, 26.67, 31.17 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("image_range",)


def srformer(
    *,
    scale=4,
    filters=180,
    depths=(6, 6, 6, 6, 6, 6),
    heads=6,
    window=24,
    mlp_ratio=2,
    qkv_bias=True,
    patch_norm=True,
    residual="1conv",
    upsampler="pixelshuffle",
    features=64,
    image_range=1.0,
    drop_path=0.1,
    color="rgb",
):
    """Return SRFormer's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: channels of the transformer.
        depths: layers in each residual group.
        heads: heads of the attention; one number, or one for each group.
        window: side of the windows; an even number.
        mlp_ratio: channels inside the MLPs / filters.
        qkv_bias: queries, keys and values have a bias.
        patch_norm: the features are normalized before the first group.
        residual: end of a residual group: "1conv", or "3conv" for a bottleneck of three convolutions.
        upsampler: "pixelshuffle"; "pixelshuffledirect" (lightweight); "nearest+conv" (not for scale 3); "" for scale 1,
            whose output is added to the image.
        features: channels of the upsampler.
        image_range: the network computes with images in [0, image_range].
        drop_path: probability with which training skips the last residual branches; it grows linearly with depth.
        color: "rgb", or "y" for luma alone.
    """
    heads = (heads,) * len(depths) if isinstance(heads, int) else tuple(heads)
    if len(heads) != len(depths):
        raise ValueError(f"heads must be one number or one for each of the {len(depths)} groups, not {len(heads)}")
    before, after = _normalization(color, image_range)
    shared = {"filters": filters, "window": window, "hidden": round(filters * mlp_ratio), "qkv_bias": qkv_bias, "residual": residual}
    shared |= {"attention": "PermutedWindowAttention", "mlp": "convolutional_feed_forward"}
    step = drop_path / max(sum(depths) - 1, 1)
    groups = [{"depth": depth, "heads": heads[group], "drop_path": step * sum(depths[:group])} for group, depth in enumerate(depths)]
    end = {"upsampler": upsampler, "scale": scale, "features": features, "channels": 3 if color == "rgb" else 1}
    return {
        "name": "SRFormer",
        "paper": "https://arxiv.org/abs/2303.09735",
        "scale": scale,
        "color": color,
        "multiple": window,
        "edge": "reflect",
        "defaults": {"conv": {"filters": filters}, "norm": {"layer": "LayerNormalization", "epsilon": 1e-5}},
        "links": [
            (0, before, "image"),
            ("image", "Conv2D", "head"),
            ("head", "LayerNormalization" if patch_norm else "linear", "embedded"),
            ("embedded", "swin_group", "groups", {**shared, "drop_path_step": step, "repeat": groups}),
            ("groups", "LayerNormalization", "deep"),
            ("deep", "residual_convolution", "body", {"filters": filters, "kind": residual}),
            (("head", "body"), "Add", "features"),
            ("features", "reconstruction", "end", end),
            *([] if upsampler else [(("image", "end"), "Add", "restored")]),
            ("end" if upsampler else "restored", after, "sr"),
        ],
    }


def _normalization(color, image_range):
    """Return the layers before and after the network: DIV2K's mean color is subtracted and added, the range is stretched and shrunk."""
    before, after = [], []
    if color == "rgb":
        before, after = [("MeanShift", {"sign": -1})], [("MeanShift", {"sign": 1})]
    if image_range != 1:
        before, after = [*before, ("Rescaling", {"scale": image_range})], [("Rescaling", {"scale": 1 / image_range}), *after]
    return before or ["linear"], after or ["linear"]


def names(*, upsampler, residual, **_):
    """Return the keys of BasicSR's state_dict by our layers' names."""
    layer, theirs = "block_groups-*-block_layer_*", "layers.*.residual_group.blocks.*"
    ends = {"full": ""} if residual == "1conv" else {"first": ".0", "middle": ".2", "last": ".4"}
    return {
        "conv_head": "conv_first",
        "norm_embedded": "patch_embed.norm",
        f"{layer}-norm_norm*": f"{theirs}.norm*",
        f"{layer}-layer_attention": f"{theirs}.attn",
        f"{layer}-block_mlp-layer_fc*": f"{theirs}.mlp.fc*",
        f"{layer}-block_mlp-conv_local": f"{theirs}.mlp.dwconv.depthwise_conv.0",
        **{f"block_groups-*-block_convolved-conv_{ours}": f"layers.*.conv{key}" for ours, key in ends.items()},
        "norm_deep": "norm",
        **{f"block_body-conv_{ours}": f"conv_after_body{key}" for ours, key in ends.items()},
        "block_end-conv_before": "conv_before_upsample.0",
        "block_end-block_stages-conv_wide_*": "upsample.{2*}",
        "block_end-conv_up*": "conv_up*",
        "block_end-conv_hr": "conv_hr",
        "block_end-conv_last": "upsample.0" if upsampler == "pixelshuffledirect" else "conv_last",
    }


def detect(state):
    """Return the arguments of the SRFormer in a state_dict."""
    if "absolute_pos_embed" in state:
        raise ValueError("has an absolute position embedding, which fits images of one size only")
    first = "layers.0.residual_group.blocks.0"
    filters, channels = state["conv_first.weight"][:2]
    depths = tuple(
        state.count(f"layers.{group}.residual_group.blocks.*.attn.kv.weight") for group in range(state.count("layers.*.residual_group.blocks.0.attn.kv.weight"))
    )
    upsampler, scale = _end(state, channels)
    return {
        "scale": scale,
        "filters": filters,
        "depths": depths,
        "heads": _heads(state, len(depths)),
        "window": math.isqrt(state[f"{first}.attn.relative_position_bias_table"][0]) + 1,
        "mlp_ratio": state[f"{first}.mlp.fc1.weight"][0] / filters,
        "qkv_bias": f"{first}.attn.q.bias" in state,
        "patch_norm": "patch_embed.norm.weight" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "3conv",
        "upsampler": upsampler,
        "features": state["conv_last.weight"][1] if upsampler in ("pixelshuffle", "nearest+conv") else 64,
        "color": _color(channels),
    }


def _color(channels):
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return "rgb" if channels == 3 else "y"


def _heads(state, groups):
    """Return the heads of the groups, one number where they are equal."""
    heads = tuple(state[f"layers.{group}.residual_group.blocks.0.attn.relative_position_bias_table"][1] for group in range(groups))
    return heads[0] if len(set(heads)) == 1 else heads


def _end(state, channels):
    """Return the upsampler and the factor by which it enlarges."""
    if "conv_before_upsample.0.weight" not in state:
        return ("pixelshuffledirect", math.isqrt(state["upsample.0.weight"][0] // channels)) if "upsample.0.weight" in state else ("", 1)
    if "conv_up1.weight" in state:
        return "nearest+conv", 2 ** sum(f"conv_up{stage}.weight" in state for stage in (1, 2, 3))
    stages = [state[f"upsample.{stage}.weight"] for stage in (0, 2, 4) if f"upsample.{stage}.weight" in state]
    return "pixelshuffle", math.prod(math.isqrt(wide // narrow) for wide, narrow, *_ in stages)
