"""Upsampling at places that the network chooses."""

from __future__ import annotations

from typing import Any


def dysample(scale: int = 4, inputs: int = 48, filters: int = 3, groups: int = 4, convolution: bool = True) -> dict[str, Any]:
    """Return DySample: each output pixel is read near its own place, as far from it as two 1x1 convolutions say.

    Args:
        scale: the factor, at least 1.
        inputs: channels of its input.
        filters: channels of its output where it ends in a convolution; otherwise those are `inputs`.
        groups: groups of channels that share offsets; divides `inputs`.
        convolution: end in the 1x1 convolution `conv_end`.

    The convolutions of the offsets are `conv_offset` and `conv_scope`; the latter, between 0 and 1/2, is the factor on the former. The
    layer `layer_sampled` has no weights.

    Reference: Liu et al., Learning to Upsample by Learning to Sample, ICCV 2023, the dynamic scope factor of its section 3.
    """
    offsets = {"filters": 2 * groups * scale**2, "kernel_size": 1}
    start = {"class_name": "RandomNormal", "config": {"stddev": 0.02}}
    links: list[tuple] = [
        (0, "Conv2D", "offset", {**offsets, "kernel_initializer": start}),
        (0, "Conv2D", "scope", {**offsets, "kernel_initializer": "zeros", "use_bias": False}),
        ("scope", "sigmoid", "factor"),
        ("factor", "Rescaling", "half_factor", {"scale": 0.5}),
        (("offset", "half_factor"), "Multiply", "offsets"),
        ((0, "offsets"), "OffsetUpsampling", "sampled", {"scale": scale, "groups": groups}),
    ]
    if convolution:
        links.append(("sampled", "Conv2D", "end", {"filters": filters, "kernel_size": 1}))
    return {"links": links}
