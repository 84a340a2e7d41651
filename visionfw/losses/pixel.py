"""Losses that compare pixels."""

from __future__ import annotations

import numpy as np
from keras import ops

from visionfw.numerics import LUMA_COEFFICIENTS, Tensor

_LUMA = np.array(LUMA_COEFFICIENTS, np.float32) / 255


def l1(reference: Tensor, sr: Tensor) -> Tensor:
    """Return the mean absolute error, (batch,) float32."""
    return image_mean(ops.abs(_difference(reference, sr)))


def mse(reference: Tensor, sr: Tensor) -> Tensor:
    """Return the mean squared error, (batch,) float32."""
    return image_mean(ops.square(_difference(reference, sr)))


def luma(reference: Tensor, sr: Tensor) -> Tensor:
    """Return the mean absolute error of Y, which benchmarks compare, (batch,) float32; images with one channel are luma already."""
    difference = _difference(reference, sr)
    if difference.shape[-1] == 3:
        difference = ops.sum(difference * ops.convert_to_tensor(_LUMA), axis=-1, keepdims=True)
    return image_mean(ops.abs(difference))


def charbonnier(reference: Tensor, sr: Tensor) -> Tensor:
    """Return the mean of sqrt(error^2 + 1e-6), (batch,) float32.

    Reference: Lai et al., Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution, CVPR 2017.
    """
    return image_mean(ops.sqrt(ops.square(_difference(reference, sr)) + 1e-6))


def mse_central(reference: Tensor, sr: Tensor, border: int = 6) -> Tensor:
    """Return the mean squared error without `border` pixels on each side, which padding affects, (batch,) float32.

    Reference: Dong et al., Learning a Deep Convolutional Network for Image Super-Resolution (SRCNN), ECCV 2014; its three convolutions
    without padding lose 6 pixels.
    """
    inner = slice(border, -border or None)
    return mse(reference[:, inner, inner], sr[:, inner, inner])


def image_mean(values: Tensor) -> Tensor:
    """Return the mean of each image, (batch,), of (batch, height, width, channels) values."""
    return ops.mean(values, axis=(1, 2, 3))


def _difference(reference: Tensor, sr: Tensor) -> Tensor:
    return ops.cast(reference, "float32") - ops.cast(sr, "float32")
