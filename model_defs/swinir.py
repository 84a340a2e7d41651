"""SwinIR: residual groups of Swin transformer layers, which attend inside shifted windows.

Liang et al., SwinIR: Image Restoration Using Swin Transformer, ICCVW 2021. https://arxiv.org/abs/2108.10257

Defaults: SwinIR for classical SR. Lightweight SR: `filters=60, depths=(6, 6, 6, 6), upsampler="pixelshuffledirect"`. Real-world SR:
`upsampler="nearest+conv"`, and its large model `filters=240, depths=(6,) * 9, heads=8, residual="3conv"` with that. Denoising:
`scale=1, upsampler=""`; JPEG artifacts: `scale=1, upsampler="", window=7, image_range=255`, with `color="y"` for luma.

    python train.py --model=swinir --optimizer=adam:beta_2=0.99 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=64 \
        --train_data=DIV2K,Flickr2K --steps=500000

Published, x4, Y: Set5 32.92, Set14 29.09, BSD100 27.92, Urban100 27.45, Manga109 32.03 dB; lightweight: 32.44, 28.77, 27.69, 26.47, 30.92 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("image_range",)


def swinir(
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
    unshuffle=1,
    image_range=1.0,
    drop_path=0.1,
    color="rgb",
):
    """Return SwinIR's dictionary.

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
        upsampler: "pixelshuffle"; "pixelshuffledirect" (lightweight); "nearest+conv" (real-world SR; not for a factor of 3); "" for scale 1,
            whose output is added to the image.
        features: channels of the upsampler.
        unshuffle: the image is unshuffled by that factor before the first convolution, and the upsampler enlarges by so much more.
        image_range: the network computes with images in [0, image_range]; 255 in the published models with windows of 7.
        drop_path: probability with which training skips the last residual branches; it grows linearly with depth.
        color: "rgb", or "y" for luma alone.
    """
    if unshuffle > 1 and upsampler == "":
        raise ValueError("unshuffle goes with an upsampler")
    heads = (heads,) * len(depths) if isinstance(heads, int) else tuple(heads)
    if len(heads) != len(depths):
        raise ValueError(f"heads must be one number or one for each of the {len(depths)} groups, not {len(heads)}")
    before, after = _normalization(color, image_range)
    shared = {"filters": filters, "window": window, "hidden": round(filters * mlp_ratio), "qkv_bias": qkv_bias, "residual": residual}
    step = drop_path / max(sum(depths) - 1, 1)
    groups = [{"depth": depth, "heads": heads[group], "drop_path": step * sum(depths[:group])} for group, depth in enumerate(depths)]
    end = {"upsampler": upsampler, "scale": scale * unshuffle, "features": features, "channels": 3 if color == "rgb" else 1}
    return {
        "name": "SwinIR",
        "paper": "https://arxiv.org/abs/2108.10257",
        "scale": scale,
        "color": color,
        "multiple": window * unshuffle,
        "edge": "reflect",
        "defaults": {"conv": {"filters": filters}, "norm": {"layer": "LayerNormalization", "epsilon": 1e-5}},
        "links": [
            (0, before, "image"),
            ("image", [("PixelUnshuffle", {"size": unshuffle}), "Conv2D"] if unshuffle > 1 else "Conv2D", "head"),
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


def names(*, upsampler, residual, unshuffle, **_):
    """Return the keys of BasicSR's state_dict by our layers' names."""
    layer, theirs = "block_groups-*-block_layer_*", "layers.*.residual_group.blocks.*"
    ends = {"full": ""} if residual == "1conv" else {"first": ".0", "middle": ".2", "last": ".4"}
    return {
        "conv_head": "conv_first.1" if unshuffle > 1 else "conv_first",
        "norm_embedded": "patch_embed.norm",
        f"{layer}-norm_norm*": f"{theirs}.norm*",
        f"{layer}-layer_attention": f"{theirs}.attn",
        f"{layer}-block_mlp-layer_fc*": f"{theirs}.mlp.fc*",
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
    """Return the arguments of the SwinIR in a state_dict."""
    if "absolute_pos_embed" in state:
        raise ValueError("has an absolute position embedding, which fits images of one size only")
    if state.has("layers.*.residual_group.overlap_attn.qkv.weight"):
        raise ValueError("has overlapping windows, as HAT's")
    first = "layers.0.residual_group.blocks.0"
    head = state["conv_first.1.weight" if "conv_first.1.weight" in state else "conv_first.weight"]
    depths = tuple(
        state.count(f"layers.{group}.residual_group.blocks.*.attn.qkv.weight")
        for group in range(state.count("layers.*.residual_group.blocks.0.attn.qkv.weight"))
    )
    window = (math.isqrt(state[f"{first}.attn.relative_position_bias_table"][0]) + 1) // 2
    unshuffle = math.isqrt(head[1] // 3) if "conv_first.1.weight" in state else 1
    upsampler, scale = _end(state, head[1])
    return {
        "scale": scale // unshuffle,
        "filters": head[0],
        "depths": depths,
        "heads": _heads(state, len(depths)),
        "window": window,
        "mlp_ratio": state[f"{first}.mlp.fc1.weight"][0] / head[0],
        "qkv_bias": f"{first}.attn.qkv.bias" in state,
        "patch_norm": "patch_embed.norm.weight" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "3conv",
        "upsampler": upsampler,
        "features": state["conv_last.weight"][1] if upsampler in ("pixelshuffle", "nearest+conv") else 64,
        "unshuffle": unshuffle,
        **({"image_range": 255.0} if window == 7 else {}),
        "color": _color(head[1] // unshuffle**2),
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
