"""Convolutions with large kernels, made cheap by working on some of the channels."""

from __future__ import annotations

from typing import Any

#: Initial kernels of the reference: normal, with a standard deviation of 0.02.
SMALL_NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.02}}


def partial_convolution(filters: int = 64, partial: int = 16, kernel_size: int = 17, identity: bool = False) -> dict[str, Any]:
    """Return a convolution of the first channels alone; the others pass.

    Args:
        filters: channels of its input and output.
        partial: how many of them the convolution `conv_large` reads and replaces.
        kernel_size: an odd number.
        identity: add what the convolution read to what it returns.

    Raises:
        ValueError: `partial` is not between 1 and `filters`, or the kernel's side is even.

    Reference: Lee et al. (PLKSR), 2024; on some channels by Chen et al. (FasterNet), CVPR 2023.
    """
    if not 1 <= partial <= filters:
        raise ValueError(f"partial must be between 1 and the {filters} filters, not {partial}")
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd, not {kernel_size}")
    first = "first" if partial < filters else 0
    large = {"filters": partial, "kernel_size": kernel_size, "kernel_initializer": SMALL_NORMAL}
    links: list[tuple] = [(first, "Conv2D", "large", large)]
    end = "large"
    if identity:
        links.append(((first, "large"), "Add", "large_sum"))
        end = "large_sum"
    if partial == filters:
        return {"links": links}
    slices = [(0, "ChannelSlice", "first", {"stop": partial}), (0, "ChannelSlice", "rest", {"start": partial})]
    return {"links": [*slices, *links, ((end, "rest"), "Concatenate", "all")]}


def elementwise_attention(filters: int = 64) -> dict[str, Any]:
    """Return element-wise attention: every value is multiplied by a weight between 0 and 1 from the 3x3 convolution `conv_weights`.

    Args:
        filters: channels of its input and output.

    Reference: Lee et al. (PLKSR), 2024.
    """
    return {
        "links": [
            (0, "Conv2D", "weights", {"filters": filters, "kernel_initializer": SMALL_NORMAL}),
            ("weights", "sigmoid", "attention"),
            ((0, "attention"), "Multiply", "attended"),
        ]
    }
