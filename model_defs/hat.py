"""HAT: SwinIR's groups with channel attention beside the windows, and attention to overlapping windows at their ends.

Chen et al., Activating More Pixels in Image Super-Resolution Transformer, CVPR 2023. https://arxiv.org/abs/2205.04437

Defaults: HAT. HAT-S: `filters=144, compressed=6, squeezed=6`. HAT-L: `depths=(6,) * 12`.

    python train.py --model=hat --optimizer=adam:beta_2=0.99 --batch_size=32 --learning_rate=2e-4 --schedule=step --patch_size=64 \
        --train_data=DIV2K,Flickr2K --steps=500000

Published, x4, Y: Set5 33.04, Set14 29.23, BSD100 28.00, Urban100 27.97, Manga109 32.48 dB; HAT-S: 32.92, 29.15, 27.97, 27.87, 32.35 dB;
HAT-L, pretrained on ImageNet: 33.30, 29.47, 28.09, 28.60, 33.09 dB.
"""

import math

FAMILY = "transformer"
ASSUMED = ("branch_scale", "image_range")


def hat(
    *,
    scale=4,
    filters=180,
    depths=(6, 6, 6, 6, 6, 6),
    heads=6,
    window=16,
    overlap=8,
    mlp_ratio=2,
    compressed=60,
    squeezed=6,
    branch_scale=0.01,
    qkv_bias=True,
    patch_norm=True,
    residual="1conv",
    features=64,
    image_range=1.0,
    drop_path=0.1,
    color="rgb",
):
    """Return HAT's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        filters: channels of the transformer.
        depths: layers in each residual group, before the one with overlapping windows.
        heads: heads of the attention; one number, or one for each group.
        window: side of the windows.
        overlap: pixels by which overlapping windows are larger; an even number.
        mlp_ratio: channels inside the MLPs / filters.
        compressed: channels between the convolutions beside the windows.
        squeezed: channels between the convolutions of the channel attention.
        branch_scale: factor on the branch of convolutions.
        qkv_bias: queries, keys and values have a bias.
        patch_norm: the features are normalized before the first group.
        residual: end of a residual group: "1conv", or "identity" for no convolution.
        features: channels of the upsampler.
        image_range: the network computes with images in [0, image_range].
        drop_path: probability with which training skips the last residual branches; it grows linearly with depth.
        color: "rgb", or "y" for luma alone.
    """
    if residual not in ("1conv", "identity"):
        raise ValueError(f"residual must be '1conv' or 'identity', not {residual!r}")
    heads = (heads,) * len(depths) if isinstance(heads, int) else tuple(heads)
    if len(heads) != len(depths):
        raise ValueError(f"heads must be one number or one for each of the {len(depths)} groups, not {len(heads)}")
    before, after = _normalization(color, image_range)
    shared = {"filters": filters, "window": window, "overlap": overlap, "hidden": round(filters * mlp_ratio), "qkv_bias": qkv_bias, "residual": residual}
    shared |= {"compressed": compressed, "squeezed": squeezed, "branch_scale": branch_scale}
    step = drop_path / max(sum(depths) - 1, 1)
    groups = [{"depth": depth, "heads": heads[group], "drop_path": step * sum(depths[:group])} for group, depth in enumerate(depths)]
    return {
        "name": "HAT",
        "paper": "https://arxiv.org/abs/2205.04437",
        "scale": scale,
        "color": color,
        "multiple": window,
        "edge": "reflect",
        "defaults": {"conv": {"filters": filters}, "norm": {"layer": "LayerNormalization", "epsilon": 1e-5}},
        "links": [
            (0, before, "image"),
            ("image", "Conv2D", "head"),
            ("head", "LayerNormalization" if patch_norm else "linear", "embedded"),
            ("embedded", "hybrid_attention_group", "groups", {**shared, "drop_path_step": step, "repeat": groups}),
            ("groups", "LayerNormalization", "deep"),
            ("deep", "residual_convolution", "body", {"filters": filters, "kind": residual}),
            (("head", "body"), "Add", "features"),
            ("features", "reconstruction", "end", {"scale": scale, "features": features, "channels": 3 if color == "rgb" else 1}),
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


def names(**_):
    """Return the keys of BasicSR's state_dict by our layers' names; the positions in windows stand there once for all layers."""
    layer, theirs = "block_groups-*-block_layer_*", "layers.*.residual_group.blocks.*"
    overlap, their_overlap = "block_groups-*-block_overlap", "layers.*.residual_group.overlap_attn"
    return {
        "conv_head": "conv_first",
        "norm_embedded": "patch_embed.norm",
        f"{layer}-norm_norm*": f"{theirs}.norm*",
        **{f"{layer}-layer_attention/{weight}": f"{theirs}.attn.{key}" for weight, key in _ATTENTION.items()},
        f"{layer}-layer_attention/relative_position_index": "relative_position_index_SA",
        f"{layer}-block_convolved-conv_compressed": f"{theirs}.conv_block.cab.0",
        f"{layer}-block_convolved-conv_expanded": f"{theirs}.conv_block.cab.2",
        f"{layer}-block_convolved-block_attended-conv_squeezed": f"{theirs}.conv_block.cab.3.attention.1",
        f"{layer}-block_convolved-block_attended-conv_excited": f"{theirs}.conv_block.cab.3.attention.3",
        f"{layer}-block_mlp-layer_fc*": f"{theirs}.mlp.fc*",
        f"{overlap}-norm_norm*": f"{their_overlap}.norm*",
        **{f"{overlap}-layer_attention/{weight}": f"{their_overlap}.{key}" for weight, key in _ATTENTION.items()},
        f"{overlap}-layer_attention/relative_position_index": "relative_position_index_OCA",
        f"{overlap}-block_mlp-layer_fc*": f"{their_overlap}.mlp.fc*",
        "block_groups-*-block_convolved-conv_full": "layers.*.conv",
        "norm_deep": "norm",
        "block_body-conv_full": "conv_after_body",
        "block_end-conv_before": "conv_before_upsample.0",
        "block_end-block_stages-conv_wide_*": "upsample.{2*}",
        "block_end-conv_last": "conv_last",
    }


#: Weights of an attention -> their keys in a module of the reference.
_ATTENTION = {
    "qkv_kernel": "qkv.weight",
    "qkv_bias": "qkv.bias",
    "projection_kernel": "proj.weight",
    "projection_bias": "proj.bias",
    "relative_position_bias_table": "relative_position_bias_table",
}


def detect(state):
    """Return the arguments of the HAT in a state_dict."""
    if "absolute_pos_embed" in state:
        raise ValueError("has an absolute position embedding, which fits images of one size only")
    group = "layers.0.residual_group"
    filters, channels = state["conv_first.weight"][:2]
    groups = state.count("layers.*.residual_group.overlap_attn.qkv.weight")
    heads = tuple(state[f"layers.{number}.residual_group.overlap_attn.relative_position_bias_table"][1] for number in range(groups))
    window = (math.isqrt(state[f"{group}.blocks.0.attn.relative_position_bias_table"][0]) + 1) // 2
    return {
        "scale": _scale(state),
        "filters": filters,
        "depths": tuple(state.count(f"layers.{number}.residual_group.blocks.*.attn.qkv.weight") for number in range(groups)),
        "heads": heads[0] if len(set(heads)) == 1 else heads,
        "window": window,
        "overlap": math.isqrt(state[f"{group}.overlap_attn.relative_position_bias_table"][0]) + 1 - 2 * window,
        "mlp_ratio": state[f"{group}.blocks.0.mlp.fc1.weight"][0] / filters,
        "compressed": state[f"{group}.blocks.0.conv_block.cab.0.weight"][0],
        "squeezed": state[f"{group}.blocks.0.conv_block.cab.3.attention.1.weight"][0],
        "qkv_bias": f"{group}.blocks.0.attn.qkv.bias" in state,
        "patch_norm": "patch_embed.norm.weight" in state,
        "residual": "1conv" if "conv_after_body.weight" in state else "identity",
        "features": state["conv_last.weight"][1],
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
