"""Losses computed from neighborhoods of pixels."""

from __future__ import annotations

from keras import ops

from visionfw.losses import LossContext, LossFunction
from visionfw.losses.pixel import image_mean
from visionfw.metrics.tensors import ssim_per_image
from visionfw.numerics import Tensor


def ssim(reference: Tensor, sr: Tensor) -> Tensor:
    """Return 1 - SSIM, the mean over channels, (batch,) float32."""
    return 1.0 - ssim_per_image(reference, sr)


def total_variation(reference: Tensor, sr: Tensor) -> Tensor:
    """Return twice the sum of the mean squared differences between vertical and between horizontal neighbors of the output, (batch,) float32.

    Reference: Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network (SRGAN), 2016.
    """
    sr = ops.cast(sr, "float32")
    rows, columns = sr[:, 1:] - sr[:, :-1], sr[:, :, 1:] - sr[:, :, :-1]
    return 2.0 * (image_mean(ops.square(rows)) + image_mean(ops.square(columns)))


def checkerboard_at_scale(context: LossContext) -> LossFunction:
    """Return `checkerboard` for the run's scale."""
    return lambda reference, sr: checkerboard(reference, sr, context.scale)


def checkerboard(reference: Tensor, sr: Tensor, scale: int) -> Tensor:
    """Return by how much the output's fine detail is less even over the grid of scale x scale pixels than the reference's, (batch,) float32.

    Fine detail is the absolute Laplacian; its mean at each position of the grid should be the same (see metrics.arrays.checkerboard).
    A discriminator alone lets an upsampling layer put all its detail at one position: dots.
    """
    return ops.relu(_unevenness(sr, scale) - _unevenness(reference, scale))


def _unevenness(images: Tensor, scale: int) -> Tensor:
    """Return the mean absolute deviation of the detail at the grid's positions from its mean, (batch,)."""
    images = ops.cast(images, "float32")
    inner = images[:, 1:-1, 1:-1]
    detail = ops.abs(4.0 * inner - images[:, :-2, 1:-1] - images[:, 2:, 1:-1] - images[:, 1:-1, :-2] - images[:, 1:-1, 2:])
    means = ops.stack([image_mean(detail[:, row::scale, column::scale]) for row in range(scale) for column in range(scale)], axis=1)
    return ops.mean(ops.abs(means - ops.mean(means, axis=1, keepdims=True)), axis=1)
