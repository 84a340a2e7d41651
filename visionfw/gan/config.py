"""Configuration of adversarial training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from visionfw.config import Config, Settled, setting
from visionfw.gan import GAN_LOSSES
from visionfw.graph.language.loader import parse_arguments
from visionfw.losses import Loss, parse_loss
from visionfw.optimizers import OPTIMIZERS
from visionfw.registry import Spec


@dataclass(frozen=True, kw_only=True)
class GanConfig(Config):
    """Training against a discriminator."""

    loss: Settled[Spec] = setting(None, "GAN loss: train against a discriminator as well", flag="adversarial", parse=GAN_LOSSES.parse)
    weight: float = setting(0.05, "weight of the generator's adversarial loss", flag="adversarial_weight", minimum=0)
    content_loss: Loss | None = setting(
        None,
        "the generator's loss besides the adversarial one, written as --loss",
        default_text="l1+checkerboard, or --loss where that is given",
        parse=parse_loss,
    )
    discriminator: str = setting("patch_discriminator", "discriminator: a name in model_defs/, or a .py or .json file")
    discriminator_args: Mapping[str, Any] | None = setting(
        None, "arguments of the discriminator's function: filters=32", default_text="filters=32,strided=2 for patch_discriminator", parse=parse_arguments
    )
    optimizer: Spec = setting(OPTIMIZERS.parse("adam"), "the discriminator's optimizer", flag="discriminator_optimizer", parse=OPTIMIZERS.parse)
    learning_rate: float | None = setting(None, "the discriminator's learning rate", flag="discriminator_lr", default_text="the generator's", above=0)

    def problems(self) -> Iterable[str]:
        if self.loss is None:
            yield "--adversarial must be given"
