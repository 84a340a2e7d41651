"""PSNR and SSIM on keras.ops, for the training step."""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from visionfw.numerics import gaussian_window


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


def ssim_per_image(a, b):
    """Return every image's SSIM: the protocol's Gaussian window of 11 x 11, the mean over the valid region and the channels.

    Args:
        a, b: (batch, height, width, channels) tensors in [0, 1], at least 11 x 11.

    Returns:
        (batch,) float32.
    """
    a, b = ops.cast(a, "float32"), ops.cast(b, "float32")
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = _smooth(a), _smooth(b)
    variance_a, variance_b = _smooth(a * a) - mean_a * mean_a, _smooth(b * b) - mean_b * mean_b
    covariance = _smooth(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2))
    return ops.mean(similarity, axis=(1, 2, 3))


def _smooth(image):
    """Filter with the Gaussian window, rows then columns, each channel apart, where the window lies inside."""
    window = gaussian_window(11, 1.5).astype(np.float32)
    for shape in ((11, 1, 1, 1), (1, 11, 1, 1)):
        kernel = np.repeat(window.reshape(shape), image.shape[-1], axis=2)
        image = ops.depthwise_conv(image, kernel, padding="valid", data_format="channels_last")
    return image
