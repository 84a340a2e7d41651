"""The metrics of `arrays` for batches of tensors, on keras.ops: for losses and the training step."""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from visionfw.numerics import MS_SSIM_WEIGHTS, Tensor, gaussian_window

_C1, _C2 = 0.01**2, 0.03**2


def mse_per_image(a: Tensor, b: Tensor) -> Tensor:
    """Return every image's mean squared error, (batch,) float32, of (batch, height, width, channels) tensors in [0, 1]."""
    return ops.mean(ops.square(ops.cast(a, "float32") - ops.cast(b, "float32")), axis=(1, 2, 3))


def mae_per_image(a: Tensor, b: Tensor) -> Tensor:
    """Return every image's mean absolute error, (batch,) float32, of (batch, height, width, channels) tensors in [0, 1]."""
    return ops.mean(ops.abs(ops.cast(a, "float32") - ops.cast(b, "float32")), axis=(1, 2, 3))


def psnr_per_image(a: Tensor, b: Tensor) -> Tensor:
    """Return every image's PSNR in dB.

    Args:
        a, b: (batch, height, width, channels) tensors in [0, 1].

    Returns:
        (batch,) float32; at most 100 dB, where the images are equal.
    """
    return -10.0 / math.log(10.0) * ops.log(ops.maximum(mse_per_image(a, b), 1e-10))


def ssim_per_image(a: Tensor, b: Tensor) -> Tensor:
    """Return every image's SSIM: the protocol's Gaussian window of 11 x 11, the mean over the valid region and the channels.

    Args:
        a, b: (batch, height, width, channels) tensors in [0, 1], at least 11 x 11.

    Returns:
        (batch,) float32.
    """
    luminance, structure = _similarities(ops.cast(a, "float32"), ops.cast(b, "float32"))
    return ops.mean(luminance * structure, axis=(1, 2, 3))


def ms_ssim_per_image(a: Tensor, b: Tensor) -> Tensor:
    """Return every image's MS-SSIM, as `arrays.ms_ssim`.

    Args:
        a, b: (batch, height, width, channels) tensors in [0, 1], at least 161 x 161.

    Returns:
        (batch,) float32.
    """
    a, b = ops.cast(a, "float32"), ops.cast(b, "float32")
    product = 1.0
    for number, weight in enumerate(MS_SSIM_WEIGHTS):
        luminance, structure = _similarities(a, b)
        is_last = number == len(MS_SSIM_WEIGHTS) - 1
        similarity = ops.mean(luminance * structure if is_last else structure, axis=(1, 2))
        product = product * ops.power(ops.maximum(similarity, 1e-6), weight)  # above 0, where the power has no slope
        a, b = _halve(a), _halve(b)
    return ops.mean(product, axis=1)


def _similarities(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps of luminance, and of contrast times structure."""
    mean_a, mean_b = _smooth(a), _smooth(b)
    both, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    covariance, variances = _smooth(a * b) - both, _smooth(a * a + b * b) - squares
    return (2 * both + _C1) / (squares + _C1), (2 * covariance + _C2) / (variances + _C2)


def _halve(image: Tensor) -> Tensor:
    """Return the means of 2x2 pixels; an odd last row or column is its own neighbor."""
    height, width = image.shape[1:3]
    even = ops.pad(image, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]], mode="symmetric")
    return ops.average_pool(even, 2, 2, padding="valid", data_format="channels_last")


def _smooth(image: Tensor) -> Tensor:
    """Filter with the Gaussian window, rows then columns, each channel by itself, where the window lies inside."""
    window = gaussian_window(11, 1.5).astype(np.float32)
    for shape in ((11, 1, 1, 1), (1, 11, 1, 1)):
        kernel = np.repeat(window.reshape(shape), image.shape[-1], axis=2)
        image = ops.depthwise_conv(image, kernel, padding="valid", data_format="channels_last")
    return image
