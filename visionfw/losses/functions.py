"""What is minimized.

Every loss takes (batch, height, width, channels) images in [0, 1], computes in float32 and returns a value for each image, (batch,);
Keras takes the mean, weighted where patches have weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from visionfw.losses.terms import LossTerm
from visionfw.metrics.tensors import ssim_per_image
from visionfw.numerics import LUMA_COEFFICIENTS

_LUMA = np.array(LUMA_COEFFICIENTS, np.float32) / 255


def l1(reference, made):
    """Mean absolute error."""
    return _mean(ops.abs(_difference(reference, made)))


def mse(reference, made):
    """Mean squared error."""
    return _mean(ops.square(_difference(reference, made)))


def luma(reference, made):
    """Mean absolute error of Y, which benchmarks compare; of a model of luma the same as l1."""
    difference = _difference(reference, made)
    if difference.shape[-1] == 3:
        difference = ops.sum(difference * ops.convert_to_tensor(_LUMA), axis=-1, keepdims=True)
    return _mean(ops.abs(difference))


def charbonnier(reference, made):
    """Mean of sqrt(error^2 + 1e-6). Reference: Lai et al., Deep Laplacian Pyramid Networks, CVPR 2017."""
    return _mean(ops.sqrt(ops.square(_difference(reference, made)) + 1e-6))


def mse_central(reference, made, border: int = 6):
    """Mean squared error without `border` pixels on each side, whose neighborhood is padding. Reference: SRCNN, ECCV 2014."""
    inner = slice(border, -border or None)
    return mse(reference[:, inner, inner], made[:, inner, inner])


def ssim(reference, made):
    """1 - SSIM, the mean over channels."""
    return 1.0 - ssim_per_image(reference, made)


def total_variation(reference, made):
    """Twice the mean squared difference of vertical neighbors plus that of horizontal ones, of the output alone."""
    made = ops.cast(made, "float32")
    rows, columns = made[:, 1:] - made[:, :-1], made[:, :, 1:] - made[:, :, :-1]
    return 2.0 * (_mean(ops.square(rows)) + _mean(ops.square(columns)))


def checkerboard(reference, made, scale: int = 4):
    """How unevenly fine detail lies on the grid of scale x scale pixels, as far as the reference's lies more evenly.

    Detail is the absolute Laplacian; its mean at each place of the grid should be the same at all (see metrics.arrays.checkerboard). A
    discriminator alone lets an enlarger put its detail on one place: dots.
    """
    return ops.relu(_unevenness(made, scale) - _unevenness(reference, scale))


def _unevenness(images, scale: int):
    """Return the mean distance of a grid's places from their mean, (batch,)."""
    images = ops.cast(images, "float32")
    inner = images[:, 1:-1, 1:-1]
    detail = ops.abs(4.0 * inner - images[:, :-2, 1:-1] - images[:, 2:, 1:-1] - images[:, 1:-1, :-2] - images[:, 1:-1, 2:])
    means = ops.stack([_mean(detail[:, row::scale, column::scale]) for row in range(scale) for column in range(scale)], axis=1)
    return ops.mean(ops.abs(means - ops.mean(means, axis=1, keepdims=True)), axis=1)


def _difference(reference, made):
    return ops.cast(reference, "float32") - ops.cast(made, "float32")


def _mean(values):
    return ops.mean(values, axis=(1, 2, 3))


#: Every loss but vgg, which is made of a network.
LOSSES = {
    "l1": l1,
    "mse": mse,
    "luma": luma,
    "charbonnier": charbonnier,
    "mse_central": mse_central,
    "ssim": ssim,
    "total_variation": total_variation,
    "checkerboard": checkerboard,
}


def weighted_sum(terms: Sequence[LossTerm], vgg: Callable[[LossTerm], Callable] | None = None, scale: int = 4) -> Callable:
    """Return the loss that some terms make together, (batch,).

    Args:
        terms: what `loss_terms.read_loss` returned.
        vgg: makes the features that a term `vgg` compares, a function of images; needed where there is such a term.
        scale: SR size / LR size, whose grid `checkerboard` looks at.
    """
    values = [(term.weight, _value_of(term, vgg, scale)) for term in terms]

    def loss(reference, made):
        return sum(weight * value(reference, made) for weight, value in values)

    return loss


def _value_of(term: LossTerm, vgg: Callable[[LossTerm], Callable] | None, scale: int) -> Callable:
    if term.name == "checkerboard":
        return lambda reference, made: checkerboard(reference, made, scale)
    if term.name == "mse_central":
        return lambda reference, made: mse_central(reference, made, term.border)
    if term.name != "vgg":
        return LOSSES[term.name]
    features, distance = vgg(term), LOSSES[term.distance]
    return lambda reference, made: distance(ops.stop_gradient(features(reference)), features(ops.cast(made, "float32")))
