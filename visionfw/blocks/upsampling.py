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


#: The ends of restoration transformers -> the scales that each reaches.
RECONSTRUCTIONS = {"pixelshuffle": (1, 2, 3, 4, 8), "pixelshuffledirect": (1, 2, 3, 4, 8), "nearest+conv": (2, 4, 8), "": (1,)}


def reconstruction(upsampler: str = "pixelshuffle", scale: int = 4, features: int = 64, channels: int = 3) -> dict[str, Any]:
    """Return the end of a restoration transformer: from features to an image that is `scale` times as large.

    Args:
        upsampler: "pixelshuffle": the convolution `conv_before`, stages of pixel shuffles `block_stages`, the convolution `conv_last`;
            "pixelshuffledirect": the convolution `conv_last` and one pixel shuffle; "nearest+conv": `conv_before`, then stages of
            nearest-neighbor upscaling and a convolution `conv_up1`, `conv_up2`, ..., then `conv_hr` and `conv_last`; "": `conv_last` alone.
        scale: 1, 2, 3, 4 or 8; 2, 4 or 8 for "nearest+conv"; 1 for "".
        features: channels between `conv_before` and `conv_last`.
        channels: channels of the image.

    Raises:
        ValueError: another upsampler, or a scale that it does not reach.

    Reference: Liang et al. (SwinIR), ICCVW 2021.
    """
    if upsampler not in RECONSTRUCTIONS:
        raise ValueError(f"upsampler must be one of {', '.join(map(repr, RECONSTRUCTIONS))}, not {upsampler!r}")
    if scale not in RECONSTRUCTIONS[upsampler]:
        raise ValueError(f"scale must be {', '.join(map(str, RECONSTRUCTIONS[upsampler]))} with upsampler {upsampler!r}, not {scale}")
    last = {"filters": channels}
    if upsampler == "":
        return {"links": [(0, "Conv2D", "last", last)]}
    if upsampler == "pixelshuffledirect":
        return {"links": [(0, "Conv2D", "last", {"filters": channels * scale**2}), ("last", "PixelShuffle", "image", {"size": scale})]}
    before = [(0, "Conv2D", "before", {"filters": features}), ("before", "LeakyReLU", "stage_0", {"negative_slope": 0.01})]
    if upsampler == "nearest+conv":
        return {"links": [*before, *_nearest_stages(scale, features), ("hr_active", "Conv2D", "last", last)]}
    shuffled = ("stage_0", "pixel_shuffle_upsampler", "stages", {"scale": scale, "filters": features})
    return {"links": [*before, shuffled, ("stages", "Conv2D", "last", last)]}


def _nearest_stages(scale: int, features: int) -> list[tuple]:
    """Return links from `stage_0` to `hr_active`: enlargements by 2, each before a convolution, and the convolution at full size."""
    leaky = {"negative_slope": 0.2}
    links: list[tuple] = []
    for number in range(1, len(stages(scale)) + 1):
        links += [
            (f"stage_{number - 1}", "Nearest", f"large_{number}", {"scale": 2}),
            (f"large_{number}", "Conv2D", f"up{number}", {"filters": features}),
            (f"up{number}", "LeakyReLU", f"stage_{number}", leaky),
        ]
    return [*links, (f"stage_{len(stages(scale))}", "Conv2D", "hr", {"filters": features}), ("hr", "LeakyReLU", "hr_active", leaky)]
