"""Adversarial training: GAN losses by name.

A new GAN loss is one entry here; `register_gan_loss` adds one from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from visionfw.registry import Entry, Registry


@dataclass(frozen=True, kw_only=True)
class GanLossEntry(Entry):
    """A GAN loss; its target is a `gan.losses.GanLoss`.

    Attributes:
        has_gradient_penalty: the discriminator is a critic with a gradient penalty on single images, so it must not normalize batches, and
            telling all images apart does not mean that it has saturated.
    """

    has_gradient_penalty: bool = False


GAN_LOSSES: Registry[GanLossEntry] = Registry(
    "GAN loss",
    [
        GanLossEntry(name="vanilla", target="visionfw.gan.losses:VANILLA", help="cross entropy with a non-saturating generator loss (SRGAN)"),
        GanLossEntry(name="lsgan", target="visionfw.gan.losses:LSGAN", help="squared distances from 1 and 0"),
        GanLossEntry(
            name="wgan_gp",
            target="visionfw.gan.losses:WGAN_GP",
            help="a critic with a gradient penalty; its dictionary must not have batch normalization",
            has_gradient_penalty=True,
        ),
        GanLossEntry(name="relativistic", target="visionfw.gan.losses:RELATIVISTIC", help="how much more real than the other kind, on average (ESRGAN)"),
    ],
    GanLossEntry,
)


def register_gan_loss(target: Any = None, *, name: str, help: str = "", has_gradient_penalty: bool = False) -> Any:
    """Make a `gan.losses.GanLoss` usable as --adversarial=NAME.

    Raises:
        RequestError: the name is taken.
    """
    GAN_LOSSES.add(GanLossEntry(name=name, target=target, help=help, has_gradient_penalty=has_gradient_penalty))
    return target
