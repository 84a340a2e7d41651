"""What is minimised.

Every loss takes (batch, height, width, channels) images in [0, 1], computes in float32 and returns a value for each image, (batch,);
Keras takes the mean, weighted where patches have weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from keras import ops

from visionfw.loss_terms import LossTerm
from visionfw.metrics.tensors import ssim_per_image
from visionfw.numerics import LUMA_COEFFICIENTS


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
        difference = sum(difference[..., channel] * (weight / 255) for channel, weight in enumerate(LUMA_COEFFICIENTS))[..., None]
    return _mean(ops.abs(difference))


def charbonnier(reference, made):
    """Mean of sqrt(error^2 + 1e-6). Reference: Lai et al., Deep Laplacian Pyramid Networks, CVPR 2017."""
    return _mean(ops.sqrt(ops.square(_difference(reference, made)) + 1e-6))


def mse_central(reference, made, border: int = 6):
    """Mean squared error without `border` pixels on each side, whose neighbourhood is padding. Reference: SRCNN, ECCV 2014."""
    inner = slice(border, -border or None)
    return mse(reference[:, inner, inner], made[:, inner, inner])


def ssim(reference, made):
    """1 - SSIM, the mean over channels."""
    return 1.0 - ssim_per_image(reference, made)


def total_variation(reference, made):
    """Twice the mean squared difference of vertical neighbours plus that of horizontal ones, of the output alone."""
    made = ops.cast(made, "float32")
    rows, columns = made[:, 1:] - made[:, :-1], made[:, :, 1:] - made[:, :, :-1]
    return 2.0 * (_mean(ops.square(rows)) + _mean(ops.square(columns)))


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
}


def weighted_sum(terms: Sequence[LossTerm], vgg: Callable[[LossTerm], Callable] | None = None) -> Callable:
    """Return the loss that some terms make together, (batch,).

    Args:
        terms: what `loss_terms.read_loss` returned.
        vgg: makes the features that a term `vgg` compares, a function of images; needed where there is such a term.
    """
    values = [(term.weight, _value_of(term, vgg)) for term in terms]

    def loss(reference, made):
        return sum(weight * value(reference, made) for weight, value in values)

    return loss


def _value_of(term: LossTerm, vgg: Callable[[LossTerm], Callable] | None) -> Callable:
    if term.name == "mse_central":
        return lambda reference, made: mse_central(reference, made, term.border)
    if term.name != "vgg":
        return LOSSES[term.name]
    features, distance = vgg(term), LOSSES[term.distance]
    return lambda reference, made: distance(ops.stop_gradient(features(reference)), features(ops.cast(made, "float32")))
