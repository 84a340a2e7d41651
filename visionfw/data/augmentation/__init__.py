"""Augmentation of whole batches of uint8 patches: names joined by commas, each NAME or NAME:OPTION=VALUE,...

A new augmentation is one entry here; `vf.register_augmentation` adds one from outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from visionfw.data.augmentation.flips import COUNT
from visionfw.errors import RequestError
from visionfw.registry import Entry, Registry, Spec, options_of


@dataclass(frozen=True, kw_only=True)
class AugmentationEntry(Entry):
    """An augmentation.

    The implementation is a function: (n, side, side, 3) LR and (n, side x scale, side x scale, 3) HR patches, uint8; options by
    keyword; `random`, a NumPy generator, by keyword -> new LR and HR patches of the same shapes.

    Attributes:
        is_done_while_reading: it flips and rotates, which the patch source does while it copies the patches.
    """

    is_done_while_reading: bool = False


def _entry(target: str, help: str, **facts: Any) -> AugmentationEntry:
    return AugmentationEntry(name=target.partition(":")[2], target=f"visionfw.data.augmentation.{target}", help=help, **facts)


AUGMENTATIONS: Registry[AugmentationEntry] = Registry(
    "augmentation",
    [
        AugmentationEntry(
            name="dihedral",
            target="visionfw.data.augmentation.flips:flip_and_rotate_each",
            help="flips and rotations: the eight symmetries of the square",
            is_done_while_reading=True,
        ),
        _entry("colors:color_jitter", "brightness, contrast, saturation by up to a fifth"),
        _entry("colors:sharpness", "half of the pairs sharper or softer"),
        _entry("colors:permute_channels", "R, G and B in a random order"),
        _entry("mixing:mixup", "half of the pairs blended with another"),
        _entry("mixing:cutmix", "a rectangle of half of the pairs from another"),
        _entry("mixing:cutblur", "HR pixels pasted into half of the LR patches, inside a rectangle or around it"),
    ],
    AugmentationEntry,
)


@dataclass(frozen=True)
class Augmentation:
    """Augmentations in their order.

    Attributes:
        steps: what is done to a batch.
    """

    steps: tuple[Spec, ...] = (Spec("dihedral"),)

    def __str__(self) -> str:
        """Write the augmentations; parsing it gives them back."""
        return ",".join(map(str, self.steps)) or "none"

    @property
    def flips_and_rotates(self) -> bool:
        """Patches are flipped and rotated while they are read."""
        return any(AUGMENTATIONS.get(step.name).is_done_while_reading for step in self.steps)

    @property
    def changes_pixels(self) -> bool:
        """It does more than flip and rotate patches."""
        return any(not AUGMENTATIONS.get(step.name).is_done_while_reading for step in self.steps)

    def draw_transforms(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Draw which of the eight flips and rotations each patch gets: (count,) int64, all 0 where patches stay as they are."""
        return random.integers(COUNT, size=count) if self.flips_and_rotates else np.zeros(count, np.int64)

    def apply(self, lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Do to a batch all but flips and rotations.

        Args:
            lr: (n, side, side, 3) uint8.
            hr: (n, side x scale, side x scale, 3) uint8.
            random: the source of all random choices.

        Returns:
            New arrays of the same shapes, LR and HR still aligned.

        Raises:
            RequestError: a user's augmentation returned something else than two such arrays.
        """
        for step in self.steps:
            if not AUGMENTATIONS.get(step.name).is_done_while_reading:
                lr, hr = _apply_step(step, lr, hr, random)
        return lr, hr


def _apply_step(step: Spec, lr: np.ndarray, hr: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    function = AUGMENTATIONS.load(step.name)
    takes_random = "random" in inspect.signature(function).parameters
    augmented = function(lr, hr, **step.options, **({"random": random} if takes_random else {}))
    expected = [(patches.shape, patches.dtype) for patches in (lr, hr)]
    if not isinstance(augmented, tuple) or [(getattr(one, "shape", None), getattr(one, "dtype", None)) for one in augmented] != expected:
        raise RequestError(f"augmentation {step.name}: must return LR and HR patches, uint8 arrays of shapes {lr.shape} and {hr.shape}")
    return augmented


def parse_augmentation(text: str, flag: str = "augment") -> Augmentation:
    """Parse augmentations as users write them.

    Args:
        text: names joined by commas, each NAME or NAME:OPTION=VALUE,...; 'none' or '' for none.
        flag: the flag that it was written for, for messages.

    Raises:
        RequestError: an unknown name or option, a wrong value, or something given twice; all problems are reported.
    """
    parts = _split(text)
    if parts in ([], ["none"]):
        return Augmentation(())
    if "none" in parts:
        raise RequestError(f"--{flag}: none stands alone")
    problems: list[str] = []
    specs = [AUGMENTATIONS.read(part, problems) for part in parts]
    steps = tuple(spec for spec in specs if spec is not None)
    names = [step.name for step in steps]
    problems += [f"{name} is given twice" for name in sorted(set(names)) if names.count(name) > 1]
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return Augmentation(steps)


def _split(text: str) -> list[str]:
    """Split at the commas between augmentations: OPTION=VALUE without a name belongs to the one before it."""
    parts: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if parts and "=" in part.partition(":")[0]:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return parts


def register_augmentation(function: Callable | None = None, *, name: str | None = None, help: str | None = None) -> Any:
    """Make a function usable as an augmentation (decorator, with or without arguments).

    Args:
        function: takes (n, side, side, 3) LR and (n, side x scale, side x scale, 3) HR patches, uint8, and returns new ones of the
            same shapes. Its keyword-only arguments with a default that is a number, a bool or a text become options. Where it has a
            keyword-only argument `random` it is given the batch's NumPy generator, from which all that is random must come.
        name: what users write; the function's own name unless given.
        help: a line for `--list`; the first line of its docstring unless given.

    Returns:
        The function.

    Raises:
        RequestError: the name is taken, or it is no function.

    Example:
        ```python
        @vf.register_augmentation
        def invert(lr, hr, *, random, share=0.5):
            "Inverted colors."
            chosen = (random.random(len(lr)) < share)[:, None, None, None]
            return np.where(chosen, 255 - lr, lr), np.where(chosen, 255 - hr, hr)

        # --augment=dihedral,invert:share=0.1
        ```
    """
    if function is None:
        return lambda function: register_augmentation(function, name=name, help=help)
    if not callable(function):
        raise RequestError(f"an augmentation is a function, not {function!r}")
    options = {key: option for key, option in options_of(function).items() if key != "random"}
    return AUGMENTATIONS.register(function, name=name, help=help, options=options)
