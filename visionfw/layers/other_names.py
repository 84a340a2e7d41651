"""What other frameworks, PyTorch above all, call layers and parameters that have another name here: for suggestions in messages. No Keras here."""

from __future__ import annotations

import re
from collections.abc import Iterable

from visionfw.errors import nearest, unknown

#: Their name, in lower case and without a module before it or dimensions behind -> ours, and what to set.
_LAYERS: dict[str, tuple[str, str]] = {
    "abs": ("Power", "exponent=2 squares; a function block has keras.ops.abs"),
    "adaptiveavgpool": ("GlobalAveragePooling2D", "keepdims=True for 1 x 1"),
    "adaptivemaxpool": ("GlobalMaxPooling2D", "keepdims=True for 1 x 1"),
    "bilinear": ("UpSampling2D", "interpolation='bilinear'"),
    "cat": ("Concatenate", ""),
    "chunk": ("ChannelSlice", "start and stop"),
    "concat": ("Concatenate", ""),
    "conv": ("Conv2D", ""),
    "convtranspose": ("Conv2DTranspose", ""),
    "deconv": ("Conv2DTranspose", ""),
    "div": ("Divide", ""),
    "exp": ("exponential", ""),
    "instancenorm": ("GroupNormalization", "groups=-1"),
    "instancenormalization": ("GroupNormalization", "groups=-1"),
    "interpolation": ("Interpolate", ""),
    "linear": ("Dense", ""),
    "lrelu": ("LeakyReLU", ""),
    "max": ("Reduce", "statistic='max'"),
    "mean": ("Reduce", "statistic='mean'"),
    "mul": ("Multiply", ""),
    "norm": ("Reduce", "statistic='norm'"),
    "pad": ("ZeroPadding2D", ""),
    "pixel_shuffle": ("PixelShuffle", ""),
    "reflectionpad": ("ReflectPadding", ""),
    "replicationpad": ("ReplicatePadding", ""),
    "resize": ("ResizeLike", "or Interpolate"),
    "split": ("ChannelSlice", "start and stop"),
    "sqrt": ("Power", "exponent=0.5"),
    "square": ("Power", "exponent=2"),
    "sub": ("Subtract", ""),
    "sum": ("Add", "of several sources; Reduce with statistic='sum' over axes"),
    "upsample": ("UpSampling2D", "or Interpolate"),
    "upsample_bilinear": ("UpSampling2D", "interpolation='bilinear'"),
    "var": ("Reduce", "statistic='variance'"),
    "zeropad": ("ZeroPadding2D", ""),
}
#: Their name of a parameter -> ours, the first of these that a layer takes.
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "alpha": ("negative_slope",),
    "bias": ("use_bias",),
    "dilation": ("dilation_rate",),
    "dim": ("axis",),
    "eps": ("epsilon",),
    "inplace": (),
    "mode": ("interpolation",),
    "num_groups": ("groups",),
    "num_heads": ("heads",),
    "out_channels": ("filters",),
    "out_features": ("units",),
    "p": ("rate",),
    "scale_factor": ("scale", "size"),
    "slope": ("negative_slope",),
    "upscale_factor": ("size", "scale"),
    "window_size": ("window",),
    "shift_size": ("shift",),
}


def unknown_layer(kind: str, name: str, choices: Iterable[str]) -> str:
    """Say that there is no layer or block `name`, with what it is called here, or the nearest name."""
    choices = list(choices)
    ours, setting = _LAYERS.get(_plain(name), ("", ""))
    is_misspelled = str(nearest(name, choices)).lower() == name.lower() and name.lower() != "linear"  # PyTorch's Linear is no activation
    if ours not in choices or is_misspelled:
        return unknown(kind, name, choices)
    return f"no {kind} {name!r}; did you mean {ours!r}{f' ({setting})' if setting else ''}?"


def is_named_here(name: str, choices: Iterable[str]) -> bool:
    """Return whether there is something to suggest for a name."""
    choices = list(choices)
    return nearest(name, choices) is not None or _LAYERS.get(_plain(name), ("",))[0] in choices


def unknown_parameter(name: str, choices: Iterable[str]) -> str:
    """Say that a layer has no parameter `name`, with what it is called here, or the nearest name."""
    choices = list(choices)
    ours = next((one for one in _PARAMETERS.get(name, ()) if one in choices), None)
    return unknown("parameter", name, choices) if ours is None else f"no parameter {name!r}; did you mean {ours!r}?"


def _plain(name: str) -> str:
    return re.sub(r"\d?d$", "", name.rpartition(".")[2].lower())
