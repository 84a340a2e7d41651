"""A sampler as it is written: a name, and options after a colon. No Keras here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from visionfw.errors import RequestError, unknown


@dataclass(frozen=True)
class Option:
    """One option of a sampler.

    Attributes:
        default: its value where nothing is said.
        read: text -> value; raises ValueError.
        expects: what it takes, in words.
    """

    default: Any
    read: Callable[[str], Any]
    expects: str


@dataclass(frozen=True)
class SamplerKind:
    """What can be asked of one sampler.

    Attributes:
        text: what it does, in a line.
        options: by name.
    """

    text: str
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class SamplerChoice:
    """A sampler that was asked for, and the values of all its options."""

    name: str
    options: Mapping[str, Any]


def _choice(default: str, *others: str) -> Option:
    names = (default, *others)

    def read(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return Option(default, read, f"one of {', '.join(names)}")


def _share(default: float, may_be_zero: bool = True) -> Option:
    def read(text: str) -> float:
        value = float(text)
        if not 0 <= value <= 1 or (value == 0 and not may_be_zero):
            raise ValueError
        return value

    return Option(default, read, "a number from 0 to 1" if may_be_zero else "a number above 0 and at most 1")


def _number(default: float) -> Option:
    def read(text: str) -> float:
        value = float(text)
        if not 0 <= value < math.inf:
            raise ValueError
        return value

    return Option(default, read, "a number of at least 0")


def _count(default: int) -> Option:
    def read(text: str) -> int:
        if int(text) < 1:
            raise ValueError
        return int(text)

    return Option(default, read, "a whole number of at least 1")


_SCORE = _choice("gain", "psnr", "loss")

SAMPLERS = {
    "uniform": SamplerKind("every patch as likely as every other"),
    "psnr_gain": SamplerKind(
        "adaptive: after each round, patches with a low score (PSNR gained over bicubic) are given more of what was drawn",
        {"score": _SCORE, "start": _choice("uniform", "bicubic"), "uniform": _share(0.0), "bins": _count(50)},
    ),
    "low_psnr_static": SamplerKind(
        "only the share of patches that a plain enlargement does worst, as SamplingAug (BMVC 2021)",
        {"share": _share(0.1, may_be_zero=False), "by": _choice("bilinear", "bicubic")},
    ),
    "flatness": SamplerKind("only patches whose luma deviates by at least so many gray levels (standard deviation)", {"least": _number(8.0)}),
    "widening": SamplerKind(
        "the share of patches that bicubic does worst (or by=headroom: where most can be gained), up to a part of the run, then steadily more, up to all",
        {"share": _share(0.25, may_be_zero=False), "until": _share(0.5), "by": _choice("bicubic", "headroom")},
    ),
    "hardest": SamplerKind(
        "adaptive: the share of patches that the model itself does worst, widening in the same way",
        {"share": _share(0.25, may_be_zero=False), "until": _share(0.2)},
    ),
    "headroom": SamplerKind(
        "adaptive: the share of patches where most squared error can be gained over bicubic, by one back-projection and then by the model, widening too",
        {"share": _share(0.25, may_be_zero=False), "until": _share(0.2)},
    ),
}


def read_sampler(text: str) -> SamplerChoice:
    """Read a sampler: NAME, or NAME:OPTION=VALUE,...: 'uniform', 'psnr_gain:score=psnr,start=bicubic'.

    Raises:
        RequestError: an unknown name or option, or a wrong value; all problems are told.
    """
    name, _, rest = text.partition(":")
    name = name.strip()
    if name not in SAMPLERS:
        raise RequestError(f"--sampler: {unknown('sampler', name, SAMPLERS)}")
    options = SAMPLERS[name].options
    values, problems = {key: option.default for key, option in options.items()}, []
    for part in filter(None, (entry.strip() for entry in rest.split(","))):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals:
            problems.append(f"{part!r} is not OPTION=VALUE")
        elif not options:
            problems.append(f"{name} has no options")
        elif key not in options:
            problems.append(unknown("option", key, options))
        else:
            try:
                values[key] = options[key].read(value)
            except ValueError:
                problems.append(f"{key} must be {options[key].expects}, not {value!r}")
    if problems:
        raise RequestError("\n".join(f"--sampler={name}: {problem}" for problem in problems))
    return SamplerChoice(name, values)


def described(kind: SamplerKind) -> str:
    """Return a sampler's line for a list: what it does, and its options with their defaults."""
    options = ", ".join(f"{key}={option.default}" for key, option in kind.options.items())
    return f"{kind.text} ({options})" if options else kind.text
