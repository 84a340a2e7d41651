"""What an adversarial training asks for beside a plain one: its names, and what goes with what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from visionfw.config.checks import problems_of
from visionfw.errors import unknown
from visionfw.losses import LOSSES, parse_loss
from visionfw.metrics.feature_weights import read_feature_weights
from visionfw.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from visionfw.config.training import TrainRequest

ADVERSARIAL = {
    "vanilla": "cross entropy, the generator's not saturating (SRGAN)",
    "lsgan": "squared distances from 1 and 0",
    "wgan_gp": "a critic with a gradient penalty; its dictionary must not have batch normalization",
    "relativistic": "how much more real than the other kind, on average (ESRGAN)",
}
_OWN = ("adversarial_weight", "content_loss", "discriminator", "discriminator_args", "discriminator_optimizer", "discriminator_rate")


def problems(request: TrainRequest) -> list[str]:
    """Say what is wrong with the adversarial part of a request, and with what a training begins from."""
    found = problems_of(read_feature_weights, request.feature_weights)
    if request.content_loss:
        found += problems_of(lambda text: parse_loss(text, "content_loss"), request.content_loss)
    if request.init_from is not None and request.standardize_input:
        found.append("--init_from brings its model's dictionary along, so --standardize_input cannot change it")
    if request.init_from is not None and request.model_args:
        found.append("--init_from brings its model's dictionary along; leave --model_args out")
    if request.init_from is not None and request.initializer:
        found.append("--init_from brings weights along, so --initializer has nothing to fill")
    if not problems_of(parse_loss, request.objective) and not parse_loss(request.objective).feature_networks:
        comparing = ", ".join(name for name in LOSSES if LOSSES.get(name).feature_network)
        found += [f"--{name} belongs to a loss that compares features: {comparing}" for name in ("feature_weights", "allow_download") if getattr(request, name)]
    if not request.adversarial:
        return found + [f"--{name} belongs to --adversarial" for name in _OWN if getattr(request, name) != type(request).__dataclass_fields__[name].default]
    if request.adversarial not in ADVERSARIAL:
        found.append(f"--adversarial: {unknown('adversarial loss', request.adversarial, ADVERSARIAL)}")
    found += problems_of(lambda text: OPTIMIZERS.parse(text, "discriminator_optimizer"), request.discriminator_optimizer)
    for name in ("adversarial_weight", "discriminator_rate"):
        if not 0 <= getattr(request, name) < math.inf:
            found.append(f"--{name} must be a number of at least 0, not {getattr(request, name)}")
    if request.devices > 1:
        found.append("--adversarial trains on one device; leave --devices out")
    return found
