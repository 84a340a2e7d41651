"""ECBSR: a short chain of 3x3 convolutions for phones, each of which is trained as five branches, three of them edge filters.

Zhang et al., Edge-oriented Convolution Block for Real-time Super Resolution on Mobile Devices, ACM MM 2021. https://dl.acm.org/doi/10.1145/3474085.3475291

Defaults: M4C16 on luma, as published, in the form that is trained; `vf.fold` makes the form that is run, `deployed=True`. Others:
`blocks=4,filters=8`, `blocks=10,filters=16`, `blocks=10,filters=32`, `blocks=16,filters=64`. The authors' weights read pixels of 0..255.

    python train.py --model=ecbsr --optimizer=adam --batch_size=32 --learning_rate=5e-4 --patch_size=64 --train_data=DIV2K --steps=1000000

Published, x4, Y: Set5 31.66, Set14 28.15, BSD100 27.34 dB (M10C32).
"""

FAMILY = "efficient CNN"
ASSUMED = ("image_range", "activation")

#: Name -> layer and its parameters.
_ACTIVATIONS = {"prelu": ("PReLU", {"shared_axes": [1, 2]}), "relu": ("ReLU", {}), "softplus": ("softplus", {})}
_EDGES = {"sbx": "sobel_x", "sby": "sobel_y", "lpl": "laplacian"}


def ecbsr(*, scale=4, blocks=4, filters=16, deployed=False, identity=False, activation="prelu", image_range=255.0, color="y"):
    """Return ECBSR's dictionary.

    Args:
        scale: any whole number.
        blocks: edge-oriented blocks between the first and the last.
        filters: features.
        deployed: one convolution in place of each block's branches.
        identity: a sixth branch that is the input itself, in blocks that keep the number of features.
        activation: "prelu", "relu" or "softplus".
        image_range: what white is inside the network.
        color: "y" for luma alone, or "rgb".
    """
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation must be {', '.join(_ACTIVATIONS)}, not {activation!r}")
    channels = {"rgb": 3, "y": 1}[color]
    widths = [channels, *[filters] * (blocks + 1), channels * scale**2]
    links, definitions = [], {}
    for number in range(blocks + 2):
        inputs, outputs = widths[number : number + 2]
        target = f"features_{number}"
        if deployed:
            links.append((f"input_{number}", "Conv2D", target, {"filters": outputs}))
        else:
            definitions[f"ecb_{number}"] = {"links": _branches(inputs, outputs, identity)}
            links.append((f"input_{number}", f"ecb_{number}", target))
        if number <= blocks:
            layer, parameters = _ACTIVATIONS[activation]
            links.append((target, layer, f"input_{number + 1}", parameters))
    return {
        "name": "ECBSR",
        "paper": "https://dl.acm.org/doi/10.1145/3474085.3475291",
        "scale": scale,
        "color": color,
        "blocks": definitions,
        "links": [
            (0, "Rescaling", "input_0", {"scale": image_range}),
            *links,
            ("input_0", "ChannelRepeat", "repeated", {"times": scale**2}),
            ((f"features_{blocks + 1}", "repeated"), "Add", "pixels"),
            ("pixels", "PixelShuffle", "ranged", {"size": scale}),
            ("ranged", "Rescaling", "sr", {"scale": 1 / image_range}),
        ],
    }


def _branches(inputs, outputs, identity):
    """Return the links of an edge-oriented convolution block; the image is padded before each branch's first bias."""
    pointwise = {"kernel_size": 1, "padding": "valid"}
    links = [
        (0, "Conv2D", "3x3", {"filters": outputs}),
        (0, "ZeroPadding2D", "padded_wide"),
        ("padded_wide", "Conv2D", "wide", {**pointwise, "filters": 2 * outputs}),
        ("wide", "Conv2D", "narrow", {"filters": outputs, "padding": "valid"}),
    ]
    for name, kind in _EDGES.items():
        links += [
            (0, "ZeroPadding2D", f"padded_{name}"),
            (f"padded_{name}", "Conv2D", f"mixed_{name}", {**pointwise, "filters": outputs}),
            (f"mixed_{name}", "EdgeFilter", name, {"kind": kind}),
        ]
    same = (0,) if identity and inputs == outputs else ()
    return [*links, (("3x3", "narrow", *_EDGES, *same), "Add", "sum")]


def names(*, deployed, **_):
    """Return the keys of the authors' state_dict."""
    activations = {"activation_input_*": "backbone.{*-1}.act"}
    if deployed:
        return {"conv_features_*": "backbone.*.conv3x3", **activations}
    branches = {
        "conv_3x3": "conv3x3",
        "conv_wide/kernel": "conv1x1_3x3.k0",
        "conv_wide/bias": "conv1x1_3x3.b0",
        "conv_narrow/kernel": "conv1x1_3x3.k1",
        "conv_narrow/bias": "conv1x1_3x3.b1",
    }
    for name in _EDGES:
        branches |= {f"conv_mixed_{name}/kernel": f"conv1x1_{name}.k0", f"conv_mixed_{name}/bias": f"conv1x1_{name}.b0", f"layer_{name}": f"conv1x1_{name}"}
    return {**{f"block_features_*-{ours}": f"backbone.*.{theirs}" for ours, theirs in branches.items()}, **activations}


def detect(state):
    """Return the arguments of the network in a state_dict."""
    filters, channels = state["backbone.0.conv3x3.weight"][:2]
    last = state.count("backbone.*.conv3x3.weight") - 1
    pixels = state[f"backbone.{last}.conv3x3.weight"][0]
    scale = next((scale for scale in range(1, 17) if pixels == channels * scale**2), None)
    if channels not in (1, 3) or scale is None:
        raise ValueError(f"has {channels} input channels and {pixels} before its pixel shuffle; visionfw's models read 3 (RGB) or 1 (luma)")
    return {
        "scale": scale,
        "blocks": last - 1,
        "filters": filters,
        "deployed": "backbone.0.conv1x1_sbx.k0" not in state,
        "color": "rgb" if channels == 3 else "y",
        **({} if "backbone.0.act.weight" in state else {"activation": "relu"}),
    }
