"""Losses that compare the features of a trained network."""

from __future__ import annotations

from keras import ops

from visionfw.losses import LOSSES, LossContext, LossFunction
from visionfw.metrics.vgg19 import Vgg19
from visionfw.numerics import Tensor


def vgg(context: LossContext, *, layer: str, distance: str) -> LossFunction:
    """Return the distance between the features of VGG19 of two RGB images.

    Args:
        context: names the file of VGG19's weights.
        layer: convN_M before or reluN_M after the activation.
        distance: a loss of LOSSES without options, which compares the features.

    Raises:
        RequestError: there are no weights, or they do not fit.
        VisionfwError: the download failed.

    Reference: Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network (SRGAN), CVPR 2017.
    """
    features = Vgg19(layer, context.feature_weights, context.allow_download)
    compare = LOSSES.load(distance)

    def loss(reference: Tensor, sr: Tensor) -> Tensor:
        return compare(ops.stop_gradient(features(reference)), features(ops.cast(sr, "float32")))

    return loss
