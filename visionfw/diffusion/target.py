"""The diffusion target (image or residual) and the network's prediction type. Works on NumPy arrays and Keras tensors.

x0 is the image without noise as the diffusion process sees it: the encoded HR image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from visionfw.numerics import Tensor

_RESIDUAL_GAIN = 4.0  # about the standard deviation of an image in [-1, 1] over that of a residual


def add_noise(x0: Tensor, noise: Tensor, gamma: Tensor) -> Tensor:
    """Return the noisy image, sqrt(gamma) * x0 + sqrt(1 - gamma) * noise; all arguments broadcast."""
    return gamma**0.5 * x0 + (1.0 - gamma) ** 0.5 * noise


def remove_noise(noisy: Tensor, noise: Tensor, gamma: Tensor) -> Tensor:
    """Return x0, the inverse of `add_noise`."""
    return (noisy - (1.0 - gamma) ** 0.5 * noise) / gamma**0.5


@dataclass(frozen=True)
class ImageSpace:
    """A space that images are encoded in before noise is added; a member of `diffusion.TARGETS`.

    Attributes:
        encode: (image in [0, 1], upscaled LR image in [0, 1]) -> x0.
        decode: (x0, upscaled LR image) -> the image, about in [0, 1] and not clipped.
    """

    encode: Callable[[Tensor, Tensor], Tensor]
    decode: Callable[[Tensor, Tensor], Tensor]


IMAGE = ImageSpace(lambda image, upscaled: image * 2.0 - 1.0, lambda x0, upscaled: (x0 + 1.0) / 2.0)
RESIDUAL = ImageSpace(lambda image, upscaled: (image - upscaled) * _RESIDUAL_GAIN, lambda x0, upscaled: x0 / _RESIDUAL_GAIN + upscaled)


@dataclass(frozen=True)
class PredictionType:
    """What a network predicts.

    Attributes:
        training_target: (x0, noise, gamma) -> what it should predict.
        predict_x0: (noisy, prediction, gamma) -> x0 according to its prediction.
    """

    training_target: Callable[[Tensor, Tensor, Tensor], Tensor]
    predict_x0: Callable[[Tensor, Tensor, Tensor], Tensor]


#: Epsilon is the noise. v is sqrt(gamma) * noise - sqrt(1 - gamma) * x0: where the image is nearly all noise, epsilon hardly depends on
#: it, and v does. Reference: Salimans and Ho, Progressive Distillation for Fast Sampling of Diffusion Models, ICLR 2022, appendix D.
PREDICTION_TYPES = {
    "epsilon": PredictionType(lambda x0, noise, gamma: noise, remove_noise),
    "v": PredictionType(
        lambda x0, noise, gamma: gamma**0.5 * noise - (1.0 - gamma) ** 0.5 * x0,
        lambda noisy, prediction, gamma: gamma**0.5 * noisy - (1.0 - gamma) ** 0.5 * prediction,
    ),
}


@dataclass(frozen=True)
class Target:
    """What noise is added to, and what the network predicts.

    Attributes:
        name: from `diffusion.TARGETS`.
        prediction_type: from PREDICTION_TYPES.
    """

    name: str = "image"
    prediction_type: str = "epsilon"

    def encode(self, image: Tensor, upscaled: Tensor) -> Tensor:
        """Return x0 of an image.

        Args:
            image: (..., height, width, channels) in [0, 1].
            upscaled: the bicubic upscaling of its LR image, of the same shape.
        """
        return self._space.encode(image, upscaled)

    def decode(self, x0: Tensor, upscaled: Tensor) -> Tensor:
        """Return the image, about in [0, 1] and not clipped: the inverse of `encode`."""
        return self._space.decode(x0, upscaled)

    def training_target(self, x0: Tensor, noise: Tensor, gamma: Tensor) -> Tensor:
        """Return what the network should predict of `add_noise(x0, noise, gamma)`."""
        return PREDICTION_TYPES[self.prediction_type].training_target(x0, noise, gamma)

    def predict_x0(self, noisy: Tensor, prediction: Tensor, gamma: Tensor) -> Tensor:
        """Return x0 according to the network's prediction for a noisy image."""
        return PREDICTION_TYPES[self.prediction_type].predict_x0(noisy, prediction, gamma)

    @property
    def _space(self) -> ImageSpace:
        from visionfw.diffusion import TARGETS

        return TARGETS.load(self.name)
