"""Compact: a plain chain of convolutions and one pixel shuffle, added to the enlarged input. Real-ESRGAN's fast network (SRVGGNetCompact).

Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, ICCVW 2021. https://arxiv.org/abs/2107.10833

Defaults: 16 convolutions of 64 features, as in Real-ESRGAN's animevideov3; its general-x4v3 has `convolutions=32`. The community also uses
`convolutions=8` (UltraCompact) and `convolutions=8,filters=24` (SuperUltraCompact).

    python train.py --model=compact --optimizer=adam --batch_size=16 --learning_rate=2e-4 --schedule=cosine --patch_size=48 --train_data=DIV2K --steps=500000

No score is published: Real-ESRGAN's models are made for degraded photographs.
"""

FAMILY = "efficient CNN"

#: Name -> layer, target, parameters. PReLU starts at PyTorch's slope.
_ACTIVATIONS = {
    "prelu": ("PReLU", "activated", {"shared_axes": [1, 2], "alpha_initializer": {"class_name": "Constant", "config": {"value": 0.25}}}),
    "relu": ("ReLU", "activated"),
    "leakyrelu": ("LeakyReLU", "activated", {"negative_slope": 0.1}),
}


def compact(*, scale=4, convolutions=16, filters=64, activation="prelu", color="rgb"):
    """Return Compact's dictionary.

    Args:
        scale: 1, 2, 3, 4 or 8; 1 for restoration without upscaling.
        convolutions: number of convolutions between the first and the last.
        filters: features.
        activation: "prelu", "relu" or "leakyrelu", whose slope is 0.1.
        color: "rgb", or "y" for luma alone.
    """
    if scale not in (1, 2, 3, 4, 8):
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation must be {', '.join(_ACTIVATIONS)}, not {activation!r}")
    channels = {"rgb": 3, "y": 1}[color]
    return {
        "name": "Compact",
        "paper": "https://arxiv.org/abs/2107.10833",
        "scale": scale,
        "color": color,
        "defaults": {"conv": {"filters": filters}},
        "blocks": {"unit": {"links": [(0, "Conv2D", "features"), ("features", *_ACTIVATIONS[activation])]}},
        "links": [
            (0, "unit", "body", {"repeat": convolutions + 1}),
            ("body", "Conv2D", "pixels", {"filters": channels * scale**2}),
            ("pixels", "PixelShuffle", "detail", {"size": scale}),
            (0, "Nearest", "enlarged", {"scale": scale}),
            (("detail", "enlarged"), "Add", "sr"),
        ],
    }


def names(*, convolutions, **_):
    """Return the keys of the state_dict of BasicSR and Real-ESRGAN."""
    return {
        "block_body-*-conv_features": "body.{2*}",
        "block_body-*-activation_activated": "body.{2*+1}",
        "conv_pixels": f"body.{2 * convolutions + 2}",
    }


def detect(state):
    """Return the arguments of the network in a state_dict."""
    if "body.1.weight" not in state:
        raise ValueError("has no PReLU; with another activation, say which: activation=relu or activation=leakyrelu")
    filters, channels = state["body.0.weight"][:2]
    last = state.count("body.*.weight") - 1
    scale = next((scale for scale in (1, 2, 3, 4, 8) if state[f"body.{last}.weight"][0] == channels * scale**2), None)
    if channels not in (1, 3) or scale is None:
        raise ValueError(f"has {channels} input channels and {state[f'body.{last}.weight'][0]} before its pixel shuffle; visionfw's models read 3 or 1")
    return {"scale": scale, "convolutions": last // 2 - 1, "filters": filters, "color": "rgb" if channels == 3 else "y"}


def in_order(layers):
    """Return the prefixes of the keys in the order in which a network of so many convolutions and PReLUs runs them."""
    return [f"body.{number}" for number in range(layers)]
