"""Defaults that go with a kind of training: what train.py takes for flags that are not given, and says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

#: Kind of training -> flag -> value.
RECIPES = {
    "adversarial": {
        "optimizer": "adam",
        "learning_rate": 2e-4,
        "ema": 0.99,
        "sampler": "uniform",
        "content_loss": "l1+checkerboard",
        "patch_size": 24,
        "batch_size": 8,
        "rescale": "none",
        "discriminator_args": (("filters", 32), ("strided", 2)),
    },
    "diffusion": {
        "optimizer": "adam",
        "learning_rate": 5e-4,
        "ema": 0.999,
        "sampler": "uniform",
        "loss": "mse",
        "patch_size": 16,
        "batch_size": 8,
        "rescale": "none",
        "clip_norm": 1.0,
    },
}
#: Flags that decide the same: where one is given, the other is left as it is.
_DECIDES = {"content_loss": "loss", "discriminator_args": "discriminator", "clip_norm": "clip_value"}


def with_recipe(values: Mapping[str, Any], given: Collection[str], kind: str) -> tuple[dict[str, Any], str]:
    """Return the values of flags with a recipe's for those that are not given, and what to say of it.

    Args:
        values: of all flags.
        given: names of those that the user gave.
        kind: from RECIPES; any other changes nothing.
    """
    changed = {name: value for name, value in RECIPES.get(kind, {}).items() if name not in given and _DECIDES.get(name) not in given}
    said = " ".join(f"--{name}={_written(value)}" for name, value in changed.items())
    return {**values, **changed}, f"{kind} training, unless given: {said}" if changed else ""


def _written(value: Any) -> str:
    return ",".join(f"{key}={entry}" for key, entry in value) if isinstance(value, tuple) else str(value)
