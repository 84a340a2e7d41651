"""What a generator and a discriminator play for, as functions of the discriminator's logits.

Logits are (batch, ...): one an image, or one for each of many places; every function computes in float32 and returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keras import ops

from visionfw.numerics import Tensor


@dataclass(frozen=True)
class GanLoss:
    """One formulation.

    Attributes:
        discriminator: (real, fake) -> what the discriminator minimizes.
        generator: (real, fake) -> what the generator minimizes; nothing is learned through `real`.
        border: (real, fake) -> (b_real, b_fake): a real image counts as told where its logit is above b_real, a fake one below b_fake.
    """

    discriminator: Callable
    generator: Callable
    border: Callable


def _sigmoid_loss(logits: Tensor, target: float) -> Tensor:
    """Cross entropy of logits with one target, the mean."""
    return ops.mean(ops.softplus(-logits if target else logits))


def _relative(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return real - ops.mean(fake), fake - ops.mean(real)


def _relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    real, fake = _relative(real, fake)
    return (_sigmoid_loss(real, 1.0) + _sigmoid_loss(fake, 0.0)) / 2


def _relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    real, fake = _relative(real, fake)
    return (_sigmoid_loss(real, 0.0) + _sigmoid_loss(fake, 1.0)) / 2


def _between(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    middle = (ops.mean(real) + ops.mean(fake)) / 2
    return middle, middle


#: Goodfellow et al., NIPS 2014, with the non-saturating generator loss that SRGAN has.
VANILLA = GanLoss(
    lambda real, fake: _sigmoid_loss(real, 1.0) + _sigmoid_loss(fake, 0.0),
    lambda real, fake: _sigmoid_loss(fake, 1.0),
    lambda real, fake: (0.0, 0.0),
)
#: Mao et al., ICCV 2017.
LSGAN = GanLoss(
    lambda real, fake: (ops.mean(ops.square(real - 1.0)) + ops.mean(ops.square(fake))) / 2,
    lambda real, fake: ops.mean(ops.square(fake - 1.0)) / 2,
    lambda real, fake: (0.5, 0.5),
)
#: Gulrajani et al., NIPS 2017.
WGAN_GP = GanLoss(
    lambda real, fake: ops.mean(fake) - ops.mean(real),
    lambda real, fake: -ops.mean(fake),
    _between,
)
#: The average one of Jolicoeur-Martineau, ICLR 2019, as ESRGAN has it.
RELATIVISTIC = GanLoss(
    _relativistic_discriminator,
    _relativistic_generator,
    lambda real, fake: (ops.mean(fake), ops.mean(real)),
)


def accuracy(game: GanLoss, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the shares of real and of fake logits on the right side of the border."""
    real_border, fake_border = game.border(real, fake)
    return ops.mean(ops.cast(real > real_border, "float32")), ops.mean(ops.cast(fake < fake_border, "float32"))


def gradient_penalty(gradient: Tensor) -> Tensor:
    """Return the mean of (norm - 1)^2 over images of the critic's gradient, (batch, height, width, channels). Reference: wgan_gp's."""
    norm = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)
    return ops.mean(ops.square(norm - 1.0))
