"""Options of degradation steps: a number, or a range from which a number is drawn for each image."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from visionfw.errors import RequestError
from visionfw.registry import Option, number_text, switch, text

if TYPE_CHECKING:
    import numpy as np

#: Keyword-only arguments of a step that the pipeline fills in; all others are options.
FILLED_IN = ("scale", "random")


def number_or_range(default: float, help: str = "", *, minimum: float = -math.inf, maximum: float = math.inf, whole: bool = False) -> Option:
    """Return an option that takes a number, or FROM..TO for a number drawn uniformly from that range for each image.

    A range is parsed into a pair of numbers.

    Args:
        default: its default.
        help: what it does.
        minimum, maximum: bounds that the numbers may reach.
        whole: they are whole numbers.
    """

    def parse(value: str) -> float | tuple[float, float]:
        numbers = [int(part) if whole else float(part) for part in value.split("..")]
        if not 1 <= len(numbers) <= 2 or not all(minimum <= bound <= maximum and math.isfinite(bound) for bound in numbers) or numbers[0] > numbers[-1]:
            raise ValueError(value)
        return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])

    return Option(default, parse, f"{number_text(minimum, maximum, whole=whole)}, or a range such as 1..3", help)


def draw(options: Mapping[str, Any], random: np.random.Generator) -> dict[str, Any]:
    """Return option values with a number drawn for each range; ranges of whole numbers include both ends."""
    return {key: _draw_number(value[0], value[1], random) if isinstance(value, tuple) else value for key, value in options.items()}


def _draw_number(low: float, high: float, random: np.random.Generator) -> float:
    return int(random.integers(low, int(high) + 1)) if isinstance(low, int) else float(random.uniform(low, high))


def options_of(function: Callable) -> dict[str, Option]:
    """Return the options that a user's step declares: its keyword-only arguments but for `scale` and `random`.

    Raises:
        RequestError: the function's first argument is not its only positional one, or an option has no default that is a number, a
            bool or a text.
    """
    name = getattr(function, "__name__", repr(function))
    arguments = inspect.signature(function).parameters
    positional = [key for key, argument in arguments.items() if argument.kind in (argument.POSITIONAL_ONLY, argument.POSITIONAL_OR_KEYWORD)]
    if len(positional) != 1:
        raise RequestError(f"degradation step {name}: takes the image alone by position, and its options after '*', not ({', '.join(positional)})")
    options = {}
    for key, argument in arguments.items():
        if key == positional[0] or key in FILLED_IN:
            continue
        if argument.kind is not argument.KEYWORD_ONLY or type(argument.default) not in (bool, int, float, str):
            raise RequestError(f"degradation step {name}: {key!r} must be a keyword-only argument whose default is a number, a bool or a text")
        options[key] = _option_for(argument.default)
    return options


def _option_for(default: Any) -> Option:
    if isinstance(default, bool):
        return switch(default)
    return text(default) if isinstance(default, str) else number_or_range(default, whole=isinstance(default, int))
