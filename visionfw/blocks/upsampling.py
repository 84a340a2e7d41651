"""Upsampling at the end of a network, in stages."""

from __future__ import annotations

from typing import Any

#: Scale -> the factors of its stages.
STAGES = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}


def stages(scale: int) -> tuple[int, ...]:
    """Return the factors of the stages of a scale: (2, 2) for 4.

    Raises:
        ValueError: the scale is not 1, 2, 3, 4 or 8.
    """
    if scale not in STAGES:
        raise ValueError(f"scale must be 1, 2, 3, 4 or 8, not {scale}")
    return STAGES[scale]


def pixel_shuffle_upsampler(scale: int = 4, filters: int = 64) -> dict[str, Any]:
    """Return stages of a 3x3 convolution and a pixel shuffle, each of which enlarges by 2 or 3; nothing at scale 1.

    Args:
        scale: 1, 2, 3, 4 or 8.
        filters: channels of its input and output.

    The convolution of stage N is `conv_wide_N`.

    Reference: Shi et al. (ESPCN), CVPR 2016; in stages by Lim et al. (EDSR), CVPRW 2017.
    """
    links: list[tuple] = []
    for number, factor in enumerate(stages(scale)):
        links += [
            (f"stage_{number}", "Conv2D", f"wide_{number}", {"filters": filters * factor**2}),
            (f"wide_{number}", "PixelShuffle", f"stage_{number + 1}", {"size": factor}),
        ]
    return {"inputs": ["stage_0"], "links": links or [("stage_0", "linear", "same")]}
