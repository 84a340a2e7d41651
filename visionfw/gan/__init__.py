"""Adversarial training: GAN losses by name, the discriminator, two optimizers in one, and the training model.

A new GAN loss is one entry here; `register_gan_loss` adds one from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from visionfw.errors import RequestError
from visionfw.registry import Entry, Registry, Spec, number


@dataclass(frozen=True, kw_only=True)
class GanLossEntry(Entry):
    """A GAN loss that --adversarial can name. Its target is a subclass of `losses.GanLoss`, made with the values of its options.

    Attributes:
        allows_batch_normalization: the discriminator may have batch normalization, which makes the logit of an image depend on the others.
        saturates: a discriminator that separates all images leaves the generator without a useful gradient.
    """

    allows_batch_normalization: bool = True
    saturates: bool = True


GAN_LOSSES: Registry[GanLossEntry] = Registry(
    "GAN loss",
    [
        GanLossEntry(name="vanilla", target="visionfw.gan.losses:Vanilla", help="cross entropy with the non-saturating generator loss (SRGAN)"),
        GanLossEntry(name="lsgan", target="visionfw.gan.losses:LeastSquares", help="squared distances of the logits from 1 and 0"),
        GanLossEntry(
            name="wgan_gp",
            target="visionfw.gan.losses:WassersteinGradientPenalty",
            help="Wasserstein critic with a gradient penalty; for a discriminator without batch normalization",
            options={"penalty": number(10.0, "weight of the gradient penalty", above=0)},
            allows_batch_normalization=False,
            saturates=False,
        ),
        GanLossEntry(
            name="relativistic",
            target="visionfw.gan.losses:RelativisticAverage",
            help="cross entropy of logits relative to the average logit of the other class (ESRGAN)",
        ),
    ],
    GanLossEntry,
)


def build_gan_loss(spec: Spec) -> Any:
    """Return the `losses.GanLoss` that a parsed --adversarial names, with its options."""
    return GAN_LOSSES.load(spec.name)(**spec.options)


def register_gan_loss(
    target: Any = None,
    *,
    name: str | None = None,
    help: str | None = None,
    allows_batch_normalization: bool = True,
    saturates: bool = True,
) -> Any:
    """Make a subclass of `visionfw.gan.losses.GanLoss` usable in --adversarial (decorator, with or without arguments).

    Args:
        target: the class; keyword-only arguments with a number, a bool or a text as their default are its options.
        name: what --adversarial calls it; the class's own name unless given.
        help: a line for --list=gan_losses; the first line of the docstring unless given.
        allows_batch_normalization: the discriminator may have batch normalization; False for a penalty of single images.
        saturates: a discriminator that separates all images leaves the generator without a useful gradient, and a run warns of that.

    Returns:
        The target.

    Raises:
        RequestError: the name is taken or cannot be written in --adversarial, or the target is not a class.
    """
    facts = {"allows_batch_normalization": allows_batch_normalization, "saturates": saturates}
    if target is None:
        return lambda gan_loss: register_gan_loss(gan_loss, name=name, help=help, **facts)
    if not isinstance(target, type):
        raise RequestError(f"register_gan_loss takes a subclass of GanLoss, not {target!r}")
    return GAN_LOSSES.register(target, name=name, help=help, **facts)
