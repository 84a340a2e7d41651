"""What an adversarial training asks for beside a plain one: its names, and what goes with what."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from visionfw.config.checks import problems_of
from visionfw.errors import unknown
from visionfw.feature_weights import read_feature_weights
from visionfw.loss_terms import read_loss

if TYPE_CHECKING:
    from visionfw.config.training import TrainRequest

ADVERSARIAL = {
    "vanilla": "cross entropy, the generator's not saturating (SRGAN)",
    "lsgan": "squared distances from 1 and 0",
    "wgan_gp": "a critic with a gradient penalty; its dictionary must not have batch normalisation",
    "relativistic": "how much more real than the other kind, on average (ESRGAN)",
}
#: What --adversarial changes of the other flags' defaults; --discriminator_args only for the default discriminator.
DEFAULTS = {
    "optimizer": "adam",
    "learning_rate": 2e-4,
    "ema": 0.99,
    "sampler": "uniform",
    "content_loss": "l1",
    "discriminator_args": (("filters", 32), ("strided", 2)),
}


def with_defaults(values: Mapping[str, Any], given: Collection[str]) -> tuple[dict[str, Any], str]:
    """Return the values of flags with an adversarial training's defaults for those that are not given, and what to say of it."""
    own = [name for name in DEFAULTS if name not in given and not (name == "content_loss" and "loss" in given)]
    own = [name for name in own if name != "discriminator_args" or "discriminator" not in given]
    changed = {name: DEFAULTS[name] for name in own} if values["adversarial"] else {}
    said = " ".join(f"--{name}={_written(value)}" for name, value in changed.items())
    return {**values, **changed}, f"adversarial training, unless given: {said}" if changed else ""


def _written(value: Any) -> str:
    return ",".join(f"{key}={entry}" for key, entry in value) if isinstance(value, tuple) else str(value)


def problems(request: TrainRequest, optimizers) -> list[str]:
    """Say what is wrong with the adversarial part of a request, and with what a training begins from."""
    found = problems_of(read_feature_weights, request.feature_weights)
    if request.content_loss:
        found += problems_of(lambda text: read_loss(text, "content_loss"), request.content_loss)
    if request.init_from is not None and request.normalise:
        found.append("--init_from brings its model's dictionary along, so --normalise cannot change it")
    if request.init_from is not None and request.model_args:
        found.append("--init_from brings its model's dictionary along; leave --model_args out")
    if not request.adversarial:
        alone = [name for name in ("content_loss", "discriminator_args") if getattr(request, name)]
        return found + [f"--{name} belongs to --adversarial" for name in alone]
    if request.adversarial not in ADVERSARIAL:
        found.append(f"--adversarial: {unknown('adversarial loss', request.adversarial, ADVERSARIAL)}")
    if request.discriminator_optimizer not in optimizers:
        found.append(f"--discriminator_optimizer: {unknown('optimizer', request.discriminator_optimizer, optimizers)}")
    for name in ("adversarial_weight", "discriminator_rate"):
        if not 0 <= getattr(request, name) < math.inf:
            found.append(f"--{name} must be a number of at least 0, not {getattr(request, name)}")
    if request.devices > 1:
        found.append("--adversarial trains on one device; leave --devices out")
    return found
