"""Degradations, which make LR images of HR images: steps joined by '+', each NAME or NAME:OPTION=VALUE,...

`bicubic`, `blur:sigma=1.6+bicubic`, `blur:sigma=0.5..2+bicubic+noise:sigma=10+jpeg:quality=70`. A range such as 0.5..2 is drawn anew
for each image. At scale 1 the steps make training sets for denoising or for removing JPEG artifacts.

A new step is one entry here; `vf.register_degradation` adds one from outside. What the steps compute stands in `steps` and
`second_order`; `pipeline` applies them to an image.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from visionfw.errors import RequestError
from visionfw.imaging.degradations.options import number_or_range, options_of
from visionfw.registry import Entry, Option, Registry, Spec, choice, number


@dataclass(frozen=True, kw_only=True)
class StepEntry(Entry):
    """A step of a degradation, or a chain of steps with a name of its own.

    The implementation is a function: (height, width, 3) uint8 image, options by keyword, and `scale` and `random` (a NumPy generator)
    by keyword where it takes them -> uint8 image.

    Attributes:
        shrinks: the step makes the image smaller by the scale.
        is_identity_at_scale_1: it only shrinks, so that it changes nothing at scale 1.
        version: of the implementation. Raise it when the pixels change: caches of degraded images are keyed by it.
        chain: the steps that the name stands for; () for a step.
        scale_factor: LR images are made at this many times a model's scale, which only an evaluation can do.
    """

    shrinks: bool = False
    is_identity_at_scale_1: bool = False
    version: str = "1"
    chain: tuple[Spec, ...] = ()
    scale_factor: int = 1


def _step(name: str, help: str, target: str = "", **facts: Any) -> StepEntry:
    return StepEntry(name=name, target=f"visionfw.imaging.degradations.{target or f'steps:{name}'}", help=help, **facts)


def _noise_channels() -> Option:
    return choice("color", "gray", help="independent in each channel, or the same in all")


DEGRADATION_STEPS: Registry[StepEntry] = Registry(
    "degradation step",
    [
        _step("bicubic", "MATLAB's bicubic, antialiased (BI)", shrinks=True, is_identity_at_scale_1=True),
        _step("subsample", "every scale-th pixel", shrinks=True, is_identity_at_scale_1=True),
        _step("area", "the mean of each square of pixels", shrinks=True, is_identity_at_scale_1=True),
        _step(
            "blur",
            "Gaussian blur",
            options={
                "sigma": number_or_range(1.6, "standard deviation in pixels", minimum=0, maximum=50),
                "size": number(0, "odd side of the window in pixels, 0 for what sigma needs", minimum=0, maximum=255, whole=True),
                "channels": choice("all", "luma", help="what is blurred"),
            },
            check=lambda values: [f"size must be odd, not {values['size']}"] if values["size"] and values["size"] % 2 == 0 else [],
        ),
        _step(
            "noise",
            "additive Gaussian noise",
            options={"sigma": number_or_range(10, "standard deviation in gray levels", minimum=0, maximum=255), "kind": _noise_channels()},
        ),
        _step(
            "poisson",
            "photon (shot) noise",
            options={"strength": number_or_range(1, "1: 255 photons at white", minimum=0, maximum=100), "kind": _noise_channels()},
        ),
        _step("jpeg", "JPEG compression", options={"quality": number_or_range(50, "1..100", minimum=1, maximum=100, whole=True)}),
        _step(
            "second_order",
            "random blur, resizing, noise and JPEG, twice, after Real-ESRGAN; the options bound them",
            "second_order:second_order",
            options={
                "sigma": number_or_range(3, "widest blur in pixels", minimum=0, maximum=50),
                "noise_sigma": number_or_range(30, "strongest noise in gray levels", minimum=0, maximum=255),
                "quality": number_or_range(30, "worst JPEG quality", minimum=1, maximum=95, whole=True),
            },
            shrinks=True,
        ),
    ],
    StepEntry,
)


@dataclass(frozen=True)
class DegradationSpec:
    """A parsed degradation; the scale is not part of it.

    Attributes:
        steps: in their order, named chains written out.
        scale_factor: LR images are made at this many times a model's scale.
    """

    steps: tuple[Spec, ...]
    scale_factor: int = 1

    def __str__(self) -> str:
        """Write the degradation with all options of its steps; parsing it gives it back."""
        return "+".join("novel" if self.scale_factor > 1 and step.name == "bicubic" else str(step) for step in self.steps)

    @property
    def is_bicubic(self) -> bool:
        """It is the field's standard degradation: MATLAB's bicubic alone."""
        return [step.name for step in self.steps] == ["bicubic"]

    @property
    def version(self) -> str:
        """The versions of the implementations of its steps: equal where equal images are degraded to equal pixels."""
        return "+".join(f"{step.name} {DEGRADATION_STEPS.get(step.name).version}" for step in self.steps)

    def problems_at(self, scale: int) -> list[str]:
        """Return why LR images cannot be made in this way at a scale (HR size / LR size); [] where they can."""
        entries = [DEGRADATION_STEPS.get(step.name) for step in self.steps]
        if self.scale_factor != 1:
            return [f"'{self}' makes LR images at {self.scale_factor} times a model's scale, for evaluation alone; use bicubic"]
        if scale > 1 and not any(entry.shrinks for entry in entries):
            return [f"'{self}' does not shrink the image; for scale {scale} add a step that does: {self}+bicubic"]
        if scale == 1 and all(entry.is_identity_at_scale_1 for entry in entries):
            return [f"'{self}' changes nothing at scale 1; name what is to be undone, such as noise:sigma=25 or jpeg:quality=20"]
        return []


def parse_degradation(text: str, flag: str = "degradation") -> DegradationSpec:
    """Parse a degradation as users write it.

    Args:
        text: steps joined by '+', each NAME or NAME:OPTION=VALUE,...; a number may be a range FROM..TO. An option of a named chain
            goes to the first of its steps that has it.
        flag: the flag that it was written for, for messages.

    Raises:
        RequestError: an unknown step or option, a wrong value, an option given twice, or several steps that shrink; all problems are
            reported. What depends on the scale is left to `DegradationSpec.problems_at`.
    """
    if not isinstance(text, str) or not text.strip():
        raise RequestError(f"--{flag}: a degradation is steps joined by '+', such as blur:sigma=1.6+bicubic, not {text!r}")
    problems: list[str] = []
    specs = [DEGRADATION_STEPS.read(part.strip(), problems) for part in text.split("+")]
    named = [spec for spec in specs if spec is not None]
    steps = tuple(step for spec in named for step in _written_out(spec))
    shrinking = [step.name for step in steps if DEGRADATION_STEPS.get(step.name).shrinks]
    if len(shrinking) > 1:
        problems.append(f"{text!r} shrinks the image more than once ({', '.join(shrinking)}); keep one of these steps")
    if problems:
        raise RequestError("\n".join(f"--{flag}: {problem}" for problem in problems))
    return DegradationSpec(steps, max(DEGRADATION_STEPS.get(spec.name).scale_factor for spec in named))


def _written_out(spec: Spec) -> tuple[Spec, ...]:
    """Return a step itself, or the steps of a named chain with the options that the chain was given."""
    chain = DEGRADATION_STEPS.get(spec.name).chain
    if not chain:
        return (spec,)
    left = dict(spec.options)
    return tuple(Spec(step.name, {key: left.pop(key, value) for key, value in step.options.items()}) for step in chain)


def _named_chain(name: str, text: str, help: str, **facts: Any) -> StepEntry:
    """Return the entry of a chain: its options are those of its steps, with the values in the text as defaults."""
    chain = parse_degradation(text).steps
    options: dict[str, Option] = {}
    for step in reversed(chain):
        kinds = DEGRADATION_STEPS.get(step.name).options
        options = {key: replace(kinds[key], default=value) for key, value in step.options.items()} | {
            key: option for key, option in options.items() if key not in step.options
        }
    return StepEntry(name=name, target=None, help=help, options=options, chain=chain, **facts)


for _entry in (
    _named_chain("blur_bicubic", "blur:sigma=1.6+bicubic", "Gaussian blur, then bicubic"),
    _named_chain("blur_down", "blur:sigma=1.6,size=7+subsample", "7 x 7 Gaussian blur, then every scale-th pixel: BD of SRMDNF, RDN, RCAN"),
    _named_chain("noise_down", "bicubic+noise:sigma=30", "bicubic, then Gaussian noise: DN of RDN, RCAN"),
    _named_chain("real_esrgan", "second_order", "second_order with the bounds of Real-ESRGAN"),
    _named_chain("original", "bicubic", "another name of bicubic"),
    _named_chain("distorted", "blur:sigma=1.6+bicubic", "another name of blur_bicubic"),
    _named_chain("novel", "bicubic", "bicubic at twice the scale that a model was trained for (evaluation alone)", scale_factor=2),
):
    DEGRADATION_STEPS.add(_entry)


def register_degradation(
    function: Callable | None = None, *, name: str | None = None, help: str | None = None, shrinks: bool = False, version: str | None = None
) -> Any:
    """Make a function usable as a step of a degradation (decorator, with or without arguments).

    Args:
        function: takes a (height, width, 3) uint8 image and returns one of the same size, or of 1 / scale of it where `shrinks`.
            Its keyword-only arguments with a default that is a number, a bool or a text become options. Where it has keyword-only
            arguments `scale` and `random`, it is given HR size / LR size (1 once the image is shrunk) and the image's NumPy
            generator, from which all that is random must come.
        name: what users write; the function's own name unless given.
        help: a line for `--list`; the first line of its docstring unless given.
        shrinks: it makes the image smaller by the scale.
        version: of the implementation; decoded images are cached by it. A hash of the function's source unless given, so give one
            where the pixels depend on other code of yours.

    Returns:
        The function.

    Raises:
        RequestError: the name is taken, or the arguments are not as above.

    Example:
        ```python
        @vf.register_degradation
        def salt(image, *, random, share=0.01):
            "White pixels at random places."
            return np.where(random.random(image.shape[:2])[..., None] < share, np.uint8(255), image)

        # --degradation=salt:share=0.02+bicubic
        ```
    """
    if function is None:
        return lambda function: register_degradation(function, name=name, help=help, shrinks=shrinks, version=version)
    if not callable(function):
        raise RequestError(f"a degradation step is a function, not {function!r}")
    facts = {"options": options_of(function), "shrinks": shrinks, "version": version or _source_hash(function)}
    return DEGRADATION_STEPS.register(function, name=name, help=help, **facts)


def _source_hash(function: Callable) -> str:
    """Return a hash of a function's source, or of its bytecode where there is no source file."""
    try:
        source = inspect.getsource(function).encode()
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        source = code.co_code + repr([value for value in code.co_consts if not inspect.iscode(value)]).encode() if code else repr(function).encode()
    return hashlib.sha256(source).hexdigest()[:12]
