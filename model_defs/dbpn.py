"""DBPN: projects features up and down again and corrects each projection by its error; all of them are joined at the end.

Haris et al., Deep Back-Projection Networks for Super-Resolution, CVPR 2018. https://arxiv.org/abs/1803.02735

Defaults: D-DBPN, 7 projections up and 6 down of 64 features, each of which reads all earlier ones.

    python train.py --model=dbpn --optimizer=adam --batch_size=20 --learning_rate=1e-4 --schedule=step --patch_size=32 --train_data=DIV2K --steps=1000000

Published, Y: x2 Set5 38.09 dB; x4 Set5 32.47, Set14 28.82, BSD100 27.72 dB; x8 Set5 27.21 dB.
"""

FAMILY = "CNN"

#: Scale -> side of the kernels of projections.
_KERNELS = {2: 6, 4: 8, 8: 12}


def dbpn(*, scale=4, color="rgb", stages=7, filters=64, features=256):
    """Return DBPN's dictionary.

    Args:
        scale: 2, 4 or 8.
        color: 'rgb', or 'y' for luma.
        stages: number of projections up, at least 2; there is one less down.
        filters: features of each projection.
        features: features of the first convolution.
    """
    if scale not in _KERNELS:
        raise ValueError(f"scale must be 2, 4 or 8, not {scale}")
    if stages < 2:
        raise ValueError(f"stages must be at least 2, not {stages}")
    links = [(0, "Conv2D", "wide", {"filters": features}), ("wide", "PReLU", "wide_active"), ("wide_active", "narrow", "low_0")]
    for stage in range(1, stages + 1):
        links += _projection("up", stage, "low", range(stage - 1, 0, -1) if stage > 2 else [stage - 1])
        links += _projection("down", stage, "high", range(stage, 0, -1)) if stage < stages else []
    kernel = {"kernel_size": _KERNELS[scale], "strides": scale}
    return {
        "name": "DBPN",
        "paper": "https://arxiv.org/abs/1803.02735",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}, "activation": {"shared_axes": [1, 2, 3], "alpha_initializer": _constant(0.25)}},
        "blocks": {
            "narrow": {"links": [(0, "Conv2D", "convolved", {"kernel_size": 1}), ("convolved", "PReLU", "active")]},
            "up": _correction("Conv2DTranspose", "Conv2D", kernel),
            "down": _correction("Conv2D", "Conv2DTranspose", kernel),
        },
        "links": [
            *links,
            ([f"high_{stage}" for stage in range(stages, 0, -1)], "Concatenate", "joined"),
            ("joined", "Conv2D", "sr", {"filters": {"y": 1, "rgb": 3}[color]}),
        ],
    }


def _constant(value):
    return {"class_name": "Constant", "config": {"value": value}}


def _projection(direction, stage, source, earlier):
    """Return the links of one projection.

    Args:
        direction: 'up' or 'down'.
        stage: its number, from 1.
        source: what it projects, 'low' or 'high'.
        earlier: numbers of the sources, the newest first; several are joined and narrowed before.
    """
    target = f"{'high' if direction == 'up' else 'low'}_{stage}"
    nodes = [f"{source}_{number}" for number in earlier]
    if len(nodes) == 1:
        return [(nodes[0], direction, target)]
    joined, narrowed = f"{source}s_for_{direction}_{stage}", f"narrowed_for_{direction}_{stage}"
    return [(nodes, "Concatenate", joined), (joined, "narrow", narrowed), (narrowed, direction, target)]


def _correction(there, back, kernel):
    """Return a projection: there, back again, and the error of that, projected too, added."""
    return {
        "links": [
            (0, there, "first", kernel),
            ("first", "PReLU", "first_active"),
            ("first_active", back, "back", kernel),
            ("back", "PReLU", "back_active"),
            (("back_active", 0), "Subtract", "error"),
            ("error", there, "second", kernel),
            ("second", "PReLU", "second_active"),
            (("second_active", "first_active"), "Add", "out"),
        ]
    }


def names(*, stages, **_):
    """Return the keys of the authors' state_dict by our layers' names."""
    keys = {"conv_wide": "feat0.conv", "activation_wide_active": "feat0.act", "conv_sr": "output_conv.conv"}
    prefixes = {"block_low_0": "feat1"}
    for direction, target, kinds in (("up", "high", ("deconv", "conv", "deconv")), ("down", "low", ("conv", "deconv", "conv"))):
        for stage in range(1, stages + (direction == "up")):
            prefixes[f"block_narrowed_for_{direction}_{stage}"] = f"{direction}{stage}.conv"
            for number, (layer, kind) in enumerate(zip(("first", "back", "second"), kinds, strict=True), 1):
                keys[f"block_{target}_{stage}-conv_{layer}"] = f"{direction}{stage}.{direction}_conv{number}.{kind}"
                keys[f"block_{target}_{stage}-activation_{layer}_active"] = f"{direction}{stage}.{direction}_conv{number}.act"
    for ours, theirs in prefixes.items():
        keys |= {f"{ours}-conv_convolved": f"{theirs}.conv", f"{ours}-activation_active": f"{theirs}.act"}
    return keys


def detect(state):
    """Return the arguments of the model in a state_dict."""
    features, channels = state["feat0.conv.weight"][:2]
    if channels not in (1, 3):
        raise ValueError(f"has {channels} input channels; visionfw's models read 3 (RGB) or 1 (luma)")
    filters, _, kernel, _ = state["up1.up_conv1.deconv.weight"]
    scales = {side: scale for scale, side in _KERNELS.items()}
    if kernel not in scales:
        raise ValueError(f"has kernels of {kernel} x {kernel} in its projections, those of no scale")
    return {
        "scale": scales[kernel],
        "color": "rgb" if channels == 3 else "y",
        "stages": state.count("up*.up_conv1.deconv.weight") - 1,
        "filters": filters,
        "features": features,
    }
