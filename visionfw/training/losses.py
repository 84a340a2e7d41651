"""What is minimised; every loss takes (batch, height, width, channels) images in [0, 1] and computes in float32."""

from __future__ import annotations

from keras import ops


def l1(reference, made):
    """Mean absolute error."""
    return ops.mean(ops.abs(_difference(reference, made)))


def mse(reference, made):
    """Mean squared error."""
    return ops.mean(ops.square(_difference(reference, made)))


def charbonnier(reference, made):
    """Mean of sqrt(error^2 + 1e-6). Reference: Lai et al., Deep Laplacian Pyramid Networks, CVPR 2017."""
    return ops.mean(ops.sqrt(ops.square(_difference(reference, made)) + 1e-6))


def _difference(reference, made):
    return ops.cast(reference, "float32") - ops.cast(made, "float32")


LOSSES = {"l1": l1, "mse": mse, "charbonnier": charbonnier}
