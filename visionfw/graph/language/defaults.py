"""The words of the language: groups, their defaults, and which layers take which of them. No Keras here."""

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
#: Keys of a model that had another name.
OLDER_KEYS = {"colour": "color"}
OLDER_SPELLING = {"convo": "conv", "aactv": "activation", "btnrm": "norm"}
LINK_PARAMETERS = ("repeat", "share")
COLORS = ("rgb", "y")
PRE_UPSAMPLERS = ("bicubic",)
#: Names of outputs that judge an image, of a discriminator: whatever their shape, they are none.
LOGIT_OUTPUTS = ("logits", "probability")
#: Names of the output of a network that tells how to take noise off an image, and of the inputs beside 'lr' and 'noisy' that tell how much there is.
PREDICTION_OUTPUTS = ("noise", "velocity")
NOISE_LEVELS = ("noise_level", "step")

_KERNEL = {"kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "use_bias", "bias_initializer", "bias_regularizer"}
_KERNEL |= {"bias_constraint", "activity_regularizer"}
_KERNEL_VALUES = {"kernel_initializer", "kernel_regularizer", "kernel_constraint"}
_DEPTHWISE = {"depth_multiplier", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"}
_POINTWISE = {"pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"}
_SCALE = {"axis", "epsilon", "center", "scale"}
_SCALE |= {f"{which}_{kind}" for which in ("beta", "gamma") for kind in ("initializer", "regularizer", "constraint")}
#: What a layer takes of its group's defaults, for layers of Keras and their like; every other layer is given them all.
TAKES: dict[str, set[str]] = {
    "Conv2D": {"filters", "groups", *_KERNEL, *_KERNEL_VALUES},
    "SpectralConv2D": {"filters", "groups", *_KERNEL, *_KERNEL_VALUES},
    "Conv2DTranspose": {"filters", "output_padding", *_KERNEL, *_KERNEL_VALUES},
    "DepthwiseConv2D": {*_KERNEL, *_DEPTHWISE},
    "SeparableConv2D": {"filters", *_KERNEL, *_DEPTHWISE, *_POINTWISE},
    "BatchNormalization": {
        *_SCALE,
        "momentum",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "renorm",
        "renorm_clipping",
        "renorm_momentum",
        "synchronized",
    },
    "LayerNormalization": set(_SCALE),
    "GroupNormalization": {*_SCALE, "groups"},
    **{name: set() for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")},
    "Concatenate": {"axis"},
    "Dot": {"axes", "normalize"},
    "ReLU": {"max_value", "negative_slope", "threshold"},
    "PReLU": {"alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes"},
    "LeakyReLU": {"negative_slope"},
    "ELU": {"alpha"},
    "Softmax": {"axis"},
    "Activation": {"activation"},
}
