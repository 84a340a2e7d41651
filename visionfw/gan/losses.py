"""GAN losses as functions of the discriminator's logits.

Logits are (batch, ...) float32 tensors: one for each image, or one for each of many positions. Every loss is a float32 scalar.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from keras import ops

from visionfw.numerics import Tensor


class GanLoss(ABC):
    """What the discriminator and the generator minimize.

    Attributes:
        gradient_penalty: weight of the gradient penalty in the discriminator's loss; 0 for none.
    """

    gradient_penalty: float = 0.0

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the discriminator's loss from the logits of HR and of SR images."""

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the generator's adversarial loss from the logits of HR images, which carry no gradient, and of SR images."""

    @abstractmethod
    def thresholds(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit above which an HR image, and the logit below which an SR image counts as recognized."""

    def accuracy(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fractions of HR and of SR logits on the right side of their thresholds."""
        real_threshold, fake_threshold = self.thresholds(real, fake)
        return ops.mean(ops.cast(real > real_threshold, "float32")), ops.mean(ops.cast(fake < fake_threshold, "float32"))


class Vanilla(GanLoss):
    """Cross entropy with the non-saturating generator loss. Reference: Goodfellow et al., Generative Adversarial Nets, NIPS 2014."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return -log D(real) - log(1 - D(fake)), the means."""
        return _cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return -log D(fake), the mean."""
        return _cross_entropy(fake, 1.0)

    def thresholds(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return 0: a probability of 1/2."""
        return 0.0, 0.0


class LeastSquares(GanLoss):
    """Squared distances from 1 for real and 0 for fake. Reference: Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return half the mean squared distances from 1 and 0."""
        return (ops.mean(ops.square(real - 1.0)) + ops.mean(ops.square(fake))) / 2

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return half the mean squared distance from 1."""
        return ops.mean(ops.square(fake - 1.0)) / 2

    def thresholds(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the middle between 0 and 1."""
        return 0.5, 0.5


class WassersteinGradientPenalty(GanLoss):
    """Difference of mean logits, of a critic whose slope is held to 1 by a gradient penalty.

    Args:
        penalty: weight of the gradient penalty.

    Reference: Gulrajani et al., Improved Training of Wasserstein GANs, NIPS 2017.
    """

    def __init__(self, *, penalty: float = 10.0):
        self.gradient_penalty = penalty

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return mean fake - mean real."""
        return ops.mean(fake) - ops.mean(real)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return -mean fake."""
        return -ops.mean(fake)

    def thresholds(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the middle between the two means."""
        middle = (ops.mean(real) + ops.mean(fake)) / 2
        return middle, middle


class RelativisticAverage(GanLoss):
    """Cross entropy of logits relative to the average logit of the other class.

    Reference: Jolicoeur-Martineau, The Relativistic Discriminator, ICLR 2019; the average variant, as in ESRGAN.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return half the cross entropies of real - mean fake with 1 and of fake - mean real with 0."""
        real, fake = real - ops.mean(fake), fake - ops.mean(real)
        return (_cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0)) / 2

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the same with 1 and 0 exchanged."""
        real, fake = real - ops.mean(fake), fake - ops.mean(real)
        return (_cross_entropy(real, 0.0) + _cross_entropy(fake, 1.0)) / 2

    def thresholds(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean of the other kind."""
        return ops.mean(fake), ops.mean(real)


def gradient_penalty(gradient: Tensor) -> Tensor:
    """Return the mean over images of (norm - 1)^2 of the critic's gradient.

    Args:
        gradient: (batch, height, width, channels), of the critic's logits with respect to its input.

    Reference: Gulrajani et al., Improved Training of Wasserstein GANs, NIPS 2017.
    """
    norm = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)
    return ops.mean(ops.square(norm - 1.0))


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Return the mean cross entropy of the logits' probabilities with one target, 0 or 1."""
    return ops.mean(ops.softplus(-logits if target else logits))
