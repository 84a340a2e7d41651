"""Swin2SR: SwinIR with the attention of Swin V2, by cosines and with normalization behind it, for compressed images too.

Conde et al., Swin2SR: SwinV2 Transformer for Compressed Image Super-Resolution and Restoration, ECCVW 2022. https://arxiv.org/abs/2209.11345

Defaults: Swin2SR for classical SR. Lightweight SR: `filters=60, depths=(6, 6, 6, 6), upsampler="pixelshuffledirect"`. Compressed images:
`upsampler="pixelshuffle_aux"`. Real-world SR: `upsampler="nearest+conv"`. JPEG artifacts: `scale=1, upsampler="", window=7, image_range=255`.

    python train.py --model=swin2sr --optimizer=adam:beta_2=0.99 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=64 \
        --train_data=DIV2K,Flickr2K --steps=500000

Published scores: the tables of the paper. With "pixelshuffle_aux" the reference stretches the bicubic image where its sides are no multiples of the
window; this model does not.
"""

import math

FAMILY = "transformer"
ASSUMED = ("image_range",)


def swin2sr(
    *,
    scale=4,
    filters=180,
    depths=(6, 6, 6, 6, 6, 6),
    heads=6,
    window=8,
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
    """Return Swin2SR's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: channels of the transformer.
        depths: layers in each residual group.
        heads: heads of the attention; one number, or one for each group.
        window: side of the windows.
        mlp_ratio: channels inside the MLPs / filters.
        qkv_bias: queries, keys and values have a bias.
        patch_norm: the features are normalized before the first group.
        residual: end of a residual group: "1conv", or "3conv" for a bottleneck of three convolutions.
        upsampler: "pixelshuffle"; "pixelshuffle_aux" (compressed images), which makes an image of the input's size first and adds features of
            the bicubic image; "pixelshuffledirect" (lightweight); "nearest+conv" (not for scale 3); "" for scale 1, whose output is added to the
            image.
        features: channels of the upsampler.
        image_range: the network computes with images in [0, image_range]; 255 in the published models with windows of 7.
        drop_path: probability with which training skips the last residual branches; it grows linearly with depth.
        color: "rgb", or "y" for luma alone.
    """
    if upsampler == "pixelshuffle_aux" and color != "rgb":
        raise ValueError("upsampler 'pixelshuffle_aux' goes with color 'rgb'")
    heads = (heads,) * len(depths) if isinstance(heads, int) else tuple(heads)
    if len(heads) != len(depths):
        raise ValueError(f"heads must be one number or one for each of the {len(depths)} groups, not {len(heads)}")
    before, after = _normalization(color, image_range)
    shared = {"filters": filters, "window": window, "hidden": round(filters * mlp_ratio), "qkv_bias": qkv_bias, "residual": residual}
    shared |= {"attention": "CosineWindowAttention", "norm_first": False, "projected": True}
    step = drop_path / max(sum(depths) - 1, 1)
    groups = [{"depth": depth, "heads": heads[group], "drop_path": step * sum(depths[:group])} for group, depth in enumerate(depths)]
    return {
        "name": "Swin2SR",
        "paper": "https://arxiv.org/abs/2209.11345",
        "scale": scale,
        "color": color,
        "multiple": window,
        "edge": "reflect",
        "defaults": {"conv": {"filters": filters}, "norm": {"layer": "LayerNormalization", "epsilon": 1e-5}},
        "links": [
            (0, before, "image"),
            ("image", "Conv2D", "head"),
            ("head", "Conv2D", "projected", {"kernel_size": 1}),
            ("projected", "LayerNormalization" if patch_norm else "linear", "embedded"),
            ("embedded", "swin_group", "groups", {**shared, "drop_path_step": step, "repeat": groups}),
            ("groups", "LayerNormalization", "deep"),
            ("deep", "residual_convolution", "body", {"filters": filters, "kind": residual}),
            (("head", "body"), "Add", "features"),
            *_end_links(upsampler, scale, features, 3 if color == "rgb" else 1),
            ("end", after, "sr"),
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


def _end_links(upsampler, scale, features, channels):
    """Return the links from the features to `end`, the image of the network's range."""
    if upsampler == "":
        return [("features", "reconstruction", "residual", {"upsampler": "", "scale": scale, "channels": channels}), (("image", "residual"), "Add", "end")]
    if upsampler != "pixelshuffle_aux":
        return [("features", "reconstruction", "end", {"upsampler": upsampler, "scale": scale, "features": features, "channels": channels})]
    wide, leaky = ("Conv2D", {"filters": features}), ("LeakyReLU", {"negative_slope": 0.01})
    return [
        ("features", [wide, leaky], "before"),
        ("before", "Conv2D", "auxiliary", {"filters": channels}),
        ("auxiliary", [wide, leaky, ("pixel_shuffle_upsampler", {"scale": scale, "filters": features})], "upscaled"),
        ("image", [("Interpolate", {"scale": scale, "interpolation": "bicubic"}), wide], "bicubic"),
        (("upscaled", "bicubic"), "Add", "joined"),
        ("joined", "Conv2D", "end", {"filters": channels}),
    ]


def names(*, upsampler, residual, **_):
    """Return the keys of the reference's state_dict by our layers' names."""
    layer, theirs = "block_groups-*-block_layer_*", "layers.*.residual_group.blocks.*"
    ends = {"full": ""} if residual == "1conv" else {"first": ".0", "middle": ".2", "last": ".4"}
    return {
        "conv_head": "conv_first",
        "conv_projected": "patch_embed.proj",
        "norm_embedded": "patch_embed.norm",
        f"{layer}-norm_norm*": f"{theirs}.norm*",
        f"{layer}-layer_attention": f"{theirs}.attn",
        f"{layer}-block_mlp-layer_fc*": f"{theirs}.mlp.fc*",
        **{f"block_groups-*-block_convolved-conv_{ours}": f"layers.*.conv{key}" for ours, key in ends.items()},
        "block_groups-*-conv_projected": "layers.*.patch_embed.proj",
        "norm_deep": "norm",
        **{f"block_body-conv_{ours}": f"conv_after_body{key}" for ours, key in ends.items()},
        "block_end-conv_before": "conv_before_upsample.0",
        "block_end-block_stages-conv_wide_*": "upsample.{2*}",
        "block_end-conv_up*": "conv_up*",
        "block_end-conv_hr": "conv_hr",
        "block_end-conv_last": "upsample.0" if upsampler == "pixelshuffledirect" else "conv_last",
        "block_residual-conv_last": "conv_last",
        "conv_before_1": "conv_before_upsample.0",
        "conv_auxiliary": "conv_aux",
        "conv_upscaled_1": "conv_after_aux.0",
        "block_upscaled-conv_wide_*": "upsample.{2*}",
        "conv_bicubic": "conv_bicubic",
        "conv_end": "conv_last",
    }


def detect(state):
    """Return the arguments of the Swin2SR in a state_dict."""
    if "absolute_pos_embed" in state:
        raise ValueError("has an absolute position embedding, which fits images of one size only")
    if "conv_after_body_hf.weight" in state:
        raise ValueError("has a second body for high frequencies (upsampler 'pixelshuffle_hf'), which visionfw's does not have")
    first = "layers.0.residual_group.blocks.0"
    filters, channels = state["conv_first.weight"][:2]
    if state["patch_embed.proj.weight"][2:] != (1, 1):
        raise ValueError("has patches of more than one pixel")
    groups = state.count("layers.*.residual_group.blocks.0.attn.logit_scale")
    heads = tuple(state[f"layers.{group}.residual_group.blocks.0.attn.logit_scale"][0] for group in range(groups))
    window = math.isqrt(state[f"{first}.attn.relative_position_index"][0])
    upsampler, scale = _end(state, channels)
    return {
        "scale": scale,
        "filters": filters,
        "depths": tuple(state.count(f"layers.{group}.residual_group.blocks.*.attn.logit_scale") for group in range(groups)),
        "heads": heads[0] if len(set(heads)) == 1 else heads,
        "window": window,
        "mlp_ratio": state[f"{first}.mlp.fc1.weight"][0] / filters,
        "qkv_bias": f"{first}.attn.q_bias" in state,
        "patch_norm": "patch_embed.norm.weight" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "3conv",
        "upsampler": upsampler,
        "features": state["conv_last.weight"][1] if upsampler not in ("pixelshuffledirect", "") else 64,
        **({"image_range": 255.0} if window == 7 else {}),
        "color": _color(channels),
    }


def _color(channels):
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    return "rgb" if channels == 3 else "y"


def _end(state, channels):
    """Return the upsampler and the factor by which it enlarges."""
    if "conv_before_upsample.0.weight" not in state:
        return ("pixelshuffledirect", math.isqrt(state["upsample.0.weight"][0] // channels)) if "upsample.0.weight" in state else ("", 1)
    if "conv_up1.weight" in state:
        return "nearest+conv", 2 ** sum(f"conv_up{stage}.weight" in state for stage in (1, 2, 3))
    stages = [state[f"upsample.{stage}.weight"] for stage in (0, 2, 4) if f"upsample.{stage}.weight" in state]
    kind = "pixelshuffle_aux" if "conv_bicubic.weight" in state else "pixelshuffle"
    return kind, math.prod(math.isqrt(wide // narrow) for wide, narrow, *_ in stages)
