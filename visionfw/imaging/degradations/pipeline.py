"""How LR images are made from HR images: steps by name with parameters, one after the other.

A degradation is written as steps joined by '+': `bicubic`, `blur:sigma=1.6+bicubic`, `blur:sigma=0.5..2+bicubic+noise:sigma=10+jpeg:quality=70`.
A range such as 0.5..2 is drawn anew for each image. At scale 1 the steps make training sets for denoising or for removing JPEG artifacts.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from visionfw.errors import RequestError, unknown
from visionfw.imaging.degradations import steps as distortions
from visionfw.imaging.degradations.second_order import second_order

Value = float | str | tuple[float, float]


@dataclass(frozen=True)
class Parameter:
    """What a step's parameter may be: a number (or a range of numbers) from `least` to `most`, or one of some words."""

    default: float | str
    least: float = 0.0
    most: float = float("inf")
    whole: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A step that can be named: its function, its parameters, whether it makes the image smaller, and what it does, in a line."""

    function: Callable[..., np.ndarray]
    text: str
    parameters: dict[str, Parameter]
    shrinks: bool = False


_COLOR = Parameter("color", words=("color", "gray"))
STEPS = {
    "bicubic": Kind(distortions.bicubic, "MATLAB's bicubic, antialiased (BI)", {}, True),
    "subsample": Kind(distortions.subsample, "every scale-th pixel", {}, True),
    "area": Kind(distortions.area, "the mean of each square of pixels", {}, True),
    "blur": Kind(
        distortions.blur,
        "Gaussian blur; sigma in pixels, size of the window (0: as sigma needs), channels=all or luma",
        {"sigma": Parameter(1.6, 0, 50), "size": Parameter(0, 0, 255, whole=True), "channels": Parameter("all", words=("all", "luma"))},
    ),
    "noise": Kind(distortions.noise, "additive Gaussian noise; sigma in gray levels, kind=color or gray", {"sigma": Parameter(10, 0, 255), "kind": _COLOR}),
    "poisson": Kind(distortions.poisson, "photon noise; strength, kind=color or gray", {"strength": Parameter(1, 0, 100), "kind": _COLOR}),
    "jpeg": Kind(distortions.jpeg, "JPEG compression; quality 1..100", {"quality": Parameter(50, 1, 100, whole=True)}),
    "second_order": Kind(
        second_order,
        "Real-ESRGAN's chain of random blur, resizing, noise and JPEG, twice; sigma, noise_sigma, quality bound it",
        {"sigma": Parameter(3, 0, 50), "noise_sigma": Parameter(30, 0, 255), "quality": Parameter(30, 1, 95, whole=True)},
        True,
    ),
}

#: Chains with a name of their own; a parameter goes to the step that has it.
CHAINS = {
    "original": "bicubic",
    "distorted": "blur:sigma=1.6+bicubic",
    "blur_bicubic": "blur:sigma=1.6+bicubic",
    "blur_down": "blur:sigma=1.6,size=7+subsample",  # BD of SRMDNF, RDN, RCAN
    "noise_down": "bicubic+noise:sigma=30",  # DN of RDN
}


@dataclass(frozen=True)
class Step:
    """One step of a degradation with all its parameters."""

    name: str
    parameters: tuple[tuple[str, Value], ...]

    def text(self) -> str:
        """Return the step as it is written, with all its parameters: a record must not change when a default does."""
        told = [f"{key}={_text(value)}" for key, value in self.parameters]
        return self.name + (":" + ",".join(told) if told else "")

    def apply(self, image: np.ndarray, scale: int, random: np.random.Generator) -> np.ndarray:
        """Degrade a uint8 RGB image by this step."""
        kind = STEPS[self.name]
        given = {key: _drawn(value, kind.parameters[key].whole, random) for key, value in self.parameters}
        takes = inspect.signature(kind.function).parameters
        given |= {key: value for key, value in (("scale", scale), ("random", random)) if key in takes}
        return kind.function(image, **given)


@dataclass(frozen=True)
class Degradation:
    """A chain of steps that makes an LR image of an HR image.

    Attributes:
        steps: in their order.
        scale: HR size / LR size.
        seed: of everything random in it; each image has random numbers of its own, by its file's name.
    """

    steps: tuple[Step, ...]
    scale: int
    seed: int = 0

    @property
    def is_bicubic(self) -> bool:
        """It is the field's standard one: MATLAB's bicubic alone."""
        return [step.name for step in self.steps] == ["bicubic"]

    def text(self) -> str:
        """Return the degradation as it is written; parsing it gives it back."""
        return "+".join(step.text() for step in self.steps)

    def apply(self, hr: np.ndarray, name: str = "") -> np.ndarray:
        """Make the LR image.

        Args:
            hr: (height, width, 3) uint8; height and width are multiples of the scale.
            name: of the image: images of one name are degraded alike, whatever else there is.

        Returns:
            (height / scale, width / scale, 3) uint8.
        """
        random = np.random.default_rng([self.seed, number_of(name)])
        left = self.scale
        for step in self.steps:
            hr = step.apply(hr, left, random)
            left = 1 if STEPS[step.name].shrinks else left
        return hr


def number_of(name: str) -> int:
    """Return a number for a file's name, to seed random numbers with; a name need not be text."""
    return zlib.crc32(name.encode("utf-8", "surrogateescape"))


def degradation(text: str, scale: int, seed: int = 0) -> Degradation:
    """Read a degradation as it is written.

    Args:
        text: steps joined by '+', each NAME or NAME:KEY=VALUE,..; a value may be a range FROM..TO.
        scale: HR size / LR size.
        seed: of everything random in it.

    Raises:
        RequestError: an unknown step or parameter, a wrong value, no step that shrinks, or several; all problems are told.
    """
    if not isinstance(scale, int) or scale < 1:
        raise RequestError(f"scale must be a whole number of at least 1, not {scale!r}")
    if not isinstance(seed, int) or seed < 0:
        raise RequestError(f"a degradation's seed must be a whole number of at least 0, not {seed!r}")
    if not isinstance(text, str) or not text.strip():
        raise RequestError(f"a degradation is written as steps joined by '+', such as blur:sigma=1.6+bicubic, not {text!r}")
    problems: list[str] = []
    steps = [step for part in text.split("+") for step in _read_part(part.strip(), problems)]
    shrinking = [step.name for step in steps if STEPS[step.name].shrinks]
    if not problems and scale > 1 and not shrinking:
        problems.append(f"{text!r} leaves the image as large as it was; for scale {scale} add a step that shrinks it: {text}+bicubic")
    if not problems and len(shrinking) > 1:
        problems.append(f"{text!r} shrinks the image more than once ({', '.join(shrinking)})")
    if not problems and scale == 1 and steps[0].name in ("bicubic", "subsample", "area") and len(steps) == 1:
        problems.append(f"{text!r} changes nothing at scale 1; name what is to be undone, such as noise:sigma=25 or jpeg:quality=20")
    if problems:
        raise RequestError("\n".join(f"degradation: {problem}" for problem in problems))
    return Degradation(tuple(steps), scale, seed)


def degrade(image: np.ndarray, how: str = "bicubic", scale: int = 4, seed: int = 0) -> np.ndarray:
    """Make an LR image of an HR image (`vf.degrade`).

    Args:
        image: (height, width, 3) uint8; what is over a multiple of the scale is cut off at the right and the bottom.
        how: steps joined by '+': 'blur:sigma=1.6+bicubic'.
        scale: HR size / LR size.
        seed: of everything random in it.

    Returns:
        (height // scale, width // scale, 3) uint8.

    Raises:
        RequestError: the steps or the image are wrong.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise RequestError(f"an image to degrade is (height, width, 3) uint8, not {image.shape} {image.dtype}")
    read = degradation(how, scale, seed)
    height, width = (side // scale * scale for side in image.shape[:2])
    if not height or not width:
        raise RequestError(f"an image of {image.shape[1]} x {image.shape[0]} pixels cannot be shrunk by {scale}")
    return read.apply(image[:height, :width])


def _read_part(part: str, problems: list[str]) -> list[Step]:
    """Read one NAME:KEY=VALUE,..; a chain's name gives several steps."""
    name, _, told = part.partition(":")
    if name not in STEPS and name not in CHAINS:
        problems.append(unknown("step", name, [*STEPS, *CHAINS]))
        return []
    steps = [(name, {})] if name in STEPS else [(entry.partition(":")[0], _pairs(entry.partition(":")[2], [])) for entry in CHAINS[name].split("+")]
    taken = [key for step, _ in steps for key in STEPS[step].parameters]
    for key, value in _pairs(told, problems).items():
        owner = next((given for step, given in steps if key in STEPS[step].parameters), None)
        if owner is None:
            problems.append(f"{name}: {unknown('parameter', key, taken)}")
        else:
            owner[key] = value
    return [_checked_step(step, given, problems) for step, given in steps]


def _pairs(text: str, problems: list[str]) -> dict[str, str]:
    found = {}
    for entry in filter(None, text.split(",")):
        key, equals, value = entry.partition("=")
        if not equals:
            problems.append(f"{entry!r} is not KEY=VALUE")
        elif key.strip() in found:
            problems.append(f"{key.strip()} is given twice")
        else:
            found[key.strip()] = value.strip()
    return found


def _checked_step(name: str, given: dict[str, str], problems: list[str]) -> Step:
    values = []
    for key, parameter in STEPS[name].parameters.items():
        value = parameter.default
        if key in given:
            try:
                value = _read_value(given[key], parameter)
            except ValueError as error:
                problems.append(f"{name}: {key} {error}, not {given[key]!r}")
        values.append((key, value))
    size = dict(values).get("size")
    if isinstance(size, tuple) or (size and size % 2 == 0):
        problems.append(f"{name}: size must be one odd number, not {given['size']!r}")
    return Step(name, tuple(values))


def _read_value(text: str, parameter: Parameter) -> Value:
    if parameter.words:
        if text not in parameter.words:
            raise ValueError(f"must be {' or '.join(parameter.words)}")
        return text
    said = f"must be a {'whole number' if parameter.whole else 'number'} from {parameter.least:g} to {parameter.most:g}, or a range such as 1..3"
    try:
        numbers = [int(part) if parameter.whole else float(part) for part in text.split("..")]
    except ValueError:
        raise ValueError(said) from None
    if not 1 <= len(numbers) <= 2 or not all(parameter.least <= number <= parameter.most for number in numbers) or numbers[0] > numbers[-1]:
        raise ValueError(said)
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def _drawn(value: Value, whole: bool, random: np.random.Generator) -> float | int | str:
    if isinstance(value, tuple):
        return int(random.integers(value[0], value[1] + 1)) if whole else float(random.uniform(*value))
    return value


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return "..".join(_text(number) for number in value)
    return value if isinstance(value, str) else repr(int(value) if value == int(value) else value)
