"""The words of the language: its groups with their defaults, its keys' older spellings and fixed values. No Keras here."""

from __future__ import annotations

from typing import Any

#: Each group's default layer and default parameters.
GROUPS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "conv": ("Conv2D", {"filters": 64, "kernel_size": 3, "padding": "same"}),
    "activation": ("ReLU", {}),
    "norm": ("BatchNormalization", {}),
    "merge": ("Add", {}),
    "block": (None, {}),
    "layer": (None, {}),
}
#: A group's keys: the links, their layers, their parameters.
GROUP_KEYS = ("", "_sub", "_par")
OLDER_GROUPS = {"convo": "conv", "aactv": "activation", "btnrm": "norm"}
#: Older spelling of a key -> the key.
OLDER_KEYS = {"colour": "color"} | {f"{older}{part}": f"{group}{part}" for older, group in OLDER_GROUPS.items() for part in GROUP_KEYS}
#: Parameters that belong to a link instead of its layer.
LINK_PARAMETERS = ("repeat", "share")
COLORS = ("rgb", "y")
PRE_UPSAMPLERS = ("bicubic",)
#: How an image is continued beyond its edge, the usual way first.
EDGES = ("reflect", "symmetric", "replicate", "zeros")
#: Outputs that judge an image (a discriminator's): whatever their shape, they are not images.
LOGIT_OUTPUTS = ("logits", "probability")
#: Output of a diffusion model's network -> its prediction type.
PREDICTION_OUTPUTS = {"noise": "epsilon", "velocity": "v"}
#: Inputs of such a network, beside 'lr' and 'noisy', that say how noisy the image is.
NOISE_LEVELS = ("noise_level", "step")
