"""A degradation at a scale, applied to images: `vf.degrade`."""

from __future__ import annotations

import inspect
import zlib
from dataclasses import dataclass

import numpy as np

from visionfw.errors import RequestError
from visionfw.imaging.degradations import DEGRADATION_STEPS, DegradationSpec, parse_degradation
from visionfw.imaging.degradations.options import FILLED_IN, draw
from visionfw.registry import Spec


@dataclass(frozen=True)
class Degradation:
    """A degradation that makes an LR image of an HR image.

    Attributes:
        spec: the steps.
        scale: HR size / LR size.
        seed: of everything random in it; each image has random numbers of its own, by its file's name.

    Raises:
        RequestError: the scale or the seed is not valid, or the steps do not suit the scale.
    """

    spec: DegradationSpec
    scale: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.scale, int) or self.scale < 1:
            raise RequestError(f"scale must be a whole number of at least 1, not {self.scale!r}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise RequestError(f"a degradation's seed must be a whole number of at least 0, not {self.seed!r}")
        problems = self.spec.problems_at(self.scale)
        if problems:
            raise RequestError("\n".join(f"--degradation: {problem}" for problem in problems))

    @classmethod
    def parse(cls, text: str, scale: int, seed: int = 0) -> Degradation:
        """Parse a degradation as users write it, at a scale. Raises RequestError as `parse_degradation` and the class do."""
        return cls(parse_degradation(text), scale, seed)

    @classmethod
    def for_model(cls, spec: DegradationSpec, model_scale: int, seed: int = 0) -> Degradation:
        """Return a degradation that tests a model of a scale: `novel` shrinks by twice that. Raises RequestError."""
        return cls(DegradationSpec(spec.steps), model_scale * spec.scale_factor, seed)

    def __str__(self) -> str:
        """Write the steps with all their options; parsing it gives them back."""
        return str(self.spec)

    @property
    def is_bicubic(self) -> bool:
        """It is the field's standard degradation: MATLAB's bicubic alone."""
        return self.spec.is_bicubic

    def apply(self, hr: np.ndarray, name: str = "") -> np.ndarray:
        """Make the LR image.

        Args:
            hr: (height, width, 3) uint8; height and width are multiples of the scale.
            name: of the image. Images of the same name get the same random numbers, whatever else is in the set.

        Returns:
            (height / scale, width / scale, 3) uint8.

        Raises:
            RequestError: a user's step returned something else than the image that it should.
        """
        random = np.random.default_rng([self.seed, name_seed(name)])
        image, scale = hr, self.scale
        for step in self.spec.steps:
            image = _apply_step(step, image, scale, random)
            scale = 1 if DEGRADATION_STEPS.get(step.name).shrinks else scale
        return image


def _apply_step(step: Spec, image: np.ndarray, scale: int, random: np.random.Generator) -> np.ndarray:
    entry = DEGRADATION_STEPS.get(step.name)
    function = entry.load()
    values = draw(step.options, random)
    takes = inspect.signature(function).parameters
    values |= {key: value for key, value in zip(FILLED_IN, (scale, random), strict=True) if key in takes}
    degraded = function(image, **values)
    factor = scale if entry.shrinks else 1
    expected = (image.shape[0] // factor, image.shape[1] // factor, 3)
    if not isinstance(degraded, np.ndarray) or degraded.shape != expected or degraded.dtype != np.uint8:
        returned = f"{degraded.shape} {degraded.dtype}" if isinstance(degraded, np.ndarray) else type(degraded).__name__
        raise RequestError(f"degradation step {step.name}: must return a uint8 image of shape {expected}, not {returned}")
    return degraded


def name_seed(name: str) -> int:
    """Return a number for a file's name, to seed random numbers with; a name need not be valid text."""
    return zlib.crc32(name.encode("utf-8", "surrogateescape"))


def degrade(image: np.ndarray, degradation: str = "bicubic", scale: int = 4, seed: int = 0) -> np.ndarray:
    """Make an LR image of an HR image (`vf.degrade`).

    Args:
        image: (height, width, 3) uint8; what exceeds a multiple of the scale is cut off at the right and the bottom.
        degradation: steps joined by '+': 'blur:sigma=1.6+bicubic'; `--list=degradations` shows them.
        scale: HR size / LR size.
        seed: of everything random in the degradation.

    Returns:
        (height // scale, width // scale, 3) uint8.

    Raises:
        RequestError: the degradation or the image is not valid.

    Example:
        ```python
        lr = vf.degrade(hr, "blur:sigma=0.5..2+bicubic+jpeg:quality=60", scale=4)
        ```
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise RequestError(f"an image to degrade must be (height, width, 3) uint8, not {image.shape} {image.dtype}")
    steps = Degradation.parse(degradation, scale, seed)
    height, width = (side // scale * scale for side in image.shape[:2])
    if not height or not width:
        raise RequestError(f"an image of {image.shape[1]} x {image.shape[0]} pixels cannot be shrunk by {scale}")
    return steps.apply(image[:height, :width])
