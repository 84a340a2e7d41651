"""SPAN: convolutions whose output, through a symmetric function, is its own attention. Trained with branches that fold into one convolution.

Wan et al., Swift Parameter-free Attention Network for Efficient Super-Resolution, CVPRW 2024. https://arxiv.org/abs/2311.12770

Defaults: as published, 6 blocks of 48 features, in the form that is trained: each 3x3 convolution is a 1x1, a 3x3 and a 1x1 one in series,
beside a 1x1 skip. `vf.fold` makes the form that is run, `deployed=True`, of a quarter of the parameters. The authors' larger models have
`filters=52`. Weight files do not tell how the image is normalized: `norm=True` means (image - mean) x image_range.

    python train.py --model=span --optimizer=adam --batch_size=64 --learning_rate=5e-4 --schedule=step --patch_size=64 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 32.20, Set14 28.66, BSD100 27.62 dB.
"""

FAMILY = "efficient CNN"
ASSUMED = ("image_range", "mean")


def span(*, scale=4, blocks=6, filters=48, deployed=False, norm=True, image_range=255.0, mean=(0.4488, 0.4371, 0.4040), color="rgb"):
    """Return SPAN's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        blocks: attention blocks.
        filters: features.
        deployed: one convolution in place of each set of branches.
        norm: normalize the image first.
        image_range: factor of that, after the mean is subtracted.
        mean: mean color that is subtracted, one value for each of R, G and B; their average for luma.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    channels = {"rgb": 3, "y": 1}[color]
    means = list(mean) if color == "rgb" else [sum(mean) / len(mean)]
    offset = [-image_range * value for value in means]
    conv = "Conv2D" if deployed else "conv3xc"
    body = []
    for number in range(1, blocks + 1):
        source = number - 1 if number > 1 else "features"
        body += [
            (source, conv, f"c1_{number}"),
            (f"c1_{number}", "silu", f"first_{number}"),
            ((f"first_{number}", source), "attention", number),
        ]
    return {
        "name": "SPAN",
        "paper": "https://arxiv.org/abs/2311.12770",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"attention": {"inputs": ["first", "input"], "links": _attention(conv)}, **({} if deployed else _branches(channels, filters))},
        "links": [
            *([(0, "Rescaling", "normalized", {"scale": image_range, "offset": offset})] if norm else []),
            ("normalized" if norm else 0, conv if deployed else "conv3xc_head", "features"),
            *body,
            (blocks, conv, "tail"),
            (("features", "tail", 1, f"first_{blocks}"), "Concatenate", "all"),
            ("all", "Conv2D", "fused", {"kernel_size": 1}),
            ("fused", "Conv2D", "pixels", {"filters": channels * scale**2}),
            ("pixels", "PixelShuffle", "sr", {"size": scale}),
        ],
    }


def _attention(conv):
    """Return the links of a block without its first convolution, whose output the network also reads elsewhere."""
    return [
        ("first", conv, "c2"),
        ("c2", "silu", "second"),
        ("second", conv, "c3"),
        (("c3", "input"), "Add", "sum"),
        ("c3", "sigmoid", "positive"),
        ("positive", "Rescaling", "attention", {"scale": 1.0, "offset": -0.5}),
        (("sum", "attention"), "Multiply", "attended"),
    ]


def _branches(channels, filters):
    """Return the convolutions that are trained as branches: of features, and the first, of the image."""
    return {
        name: {
            "links": [
                (0, "ZeroPadding2D", "padded"),
                ("padded", "Conv2D", "branch_0", {"filters": 2 * inputs, "kernel_size": 1, "padding": "valid"}),
                ("branch_0", "Conv2D", "branch_1", {"filters": 2 * filters, "padding": "valid"}),
                ("branch_1", "Conv2D", "branch_2", {"kernel_size": 1, "padding": "valid"}),
                (0, "Conv2D", "skip", {"kernel_size": 1}),
                (("branch_2", "skip"), "Add", "sum"),
            ]
        }
        for name, inputs in (("conv3xc", filters), ("conv3xc_head", channels))
    }


def names(*, deployed, norm, **_):
    """Return the keys of the state_dict of the authors' code and of BasicSR's forks."""
    if deployed:
        places = {"conv_features": "conv_1", "conv_c1_*": "block_*.c1_r", "block_*-conv_c*": "block_*.c*_r", "conv_tail": "conv_2"}
        convolutions = {ours: f"{theirs}.eval_conv" for ours, theirs in places.items()}
    else:
        places = {"block_features": "conv_1", "block_c1_*": "block_*.c1_r", "block_*-block_c*": "block_*.c*_r", "block_tail": "conv_2"}
        convolutions = {f"{ours}-conv_skip": f"{theirs}.sk" for ours, theirs in places.items()}
        convolutions |= {f"{ours}-conv_branch_*": f"{theirs}.conv.*" for ours, theirs in places.items()}
        convolutions |= {f"fold:{ours}": f"{theirs}.eval_conv" for ours, theirs in places.items()}
    return {**convolutions, "conv_fused": "conv_cat", "conv_pixels": "upsampler.0", **({} if norm else {"=0": "no_norm.reshape(1)"})}


def detect(state):
    """Return the arguments of the SPAN in a state_dict."""
    deployed = "conv_1.sk.weight" not in state
    filters, channels = state["conv_1.eval_conv.weight" if deployed else "conv_1.sk.weight"][:2]
    pixels = state["upsampler.0.weight"][0]
    scale = next((scale for scale in (1, 2, 3, 4, 8) if pixels == channels * scale**2), None)
    if channels not in (1, 3) or scale is None:
        raise ValueError(f"has {channels} input channels and {pixels} before its pixel shuffle; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "scale": scale,
        "blocks": state.count(f"block_*.c1_r.{'eval_conv' if deployed else 'sk'}.weight") - 1,
        "filters": filters,
        "deployed": deployed,
        "norm": "no_norm" not in state,
        "color": "rgb" if channels == 3 else "y",
    }
