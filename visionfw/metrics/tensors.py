"""PSNR on keras.ops, for the training step."""

from __future__ import annotations

import math

from keras import ops


def psnr_per_image(a, b):
    """Return every image's PSNR in dB.

    Args:
        a, b: (batch, height, width, channels) tensors in [0, 1].

    Returns:
        (batch,) float32; at most 100 dB, where the images are equal.
    """
    difference = ops.cast(a, "float32") - ops.cast(b, "float32")
    error = ops.mean(ops.square(difference), axis=(1, 2, 3))
    return -10.0 / math.log(10.0) * ops.log(ops.maximum(error, 1e-10))
