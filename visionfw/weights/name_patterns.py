"""Patterns of names: `block_body-*-conv_1` -> `body.*.conv1`, with arithmetic on the numbers that a '*' stands for: `feats.{*+1}`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from visionfw.errors import RequestError

#: A place for a '*', bare or with arithmetic: {*+1}, {2*}, {2*+1}, {*//2}.
_PLACE = re.compile(r"\*|\{([^{}]*)\}")
_ARITHMETIC = re.compile(r"(\d*)\*(?://(\d+))?([+-]\d+)?")


def fill_in(pattern: str, parts: Sequence[str]) -> str:
    """Return a pattern with its places filled, the first with the first part, and so on; places without a part stay.

    Args:
        pattern: text with `*`, or `{a*//b+c}` for a number times a, divided by b, plus c; each of the three may be left out.
        parts: what the '*' of another pattern stood for.

    Raises:
        RequestError: the text in braces is no such arithmetic, or the part is no number.
    """
    remaining = iter(parts)

    def value(match: re.Match) -> str:
        part = next(remaining, None)
        if part is None:
            return match.group()
        return part if match.group(1) is None else _computed(match.group(1), part, pattern)

    return _PLACE.sub(value, pattern)


def _computed(expression: str, part: str, pattern: str) -> str:
    arithmetic = _ARITHMETIC.fullmatch(expression.replace(" ", ""))
    if arithmetic is None:
        raise RequestError(f"names: {pattern!r}: braces hold arithmetic on a number, such as {{*+1}}, {{2*}} or {{2*+1}}, not {{{expression}}}")
    if not part.isdigit():
        raise RequestError(f"names: {pattern!r}: {{{expression}}} needs a number, and its '*' stands for {part!r}")
    factor, divisor, offset = (int(text) if text else default for text, default in zip(arithmetic.groups(), (1, 1, 0), strict=True))
    return str(int(part) * factor // max(divisor, 1) + offset)


def look_up(name: str, patterns: Mapping[str, str]) -> str | None:
    """Return what a map of patterns gives for a name, its own entry before any pattern; None where none matches."""
    if name in patterns:
        return patterns[name]
    for pattern, value in patterns.items():
        if "*" in pattern and (match := matches(pattern, name)):
            return fill_in(value, match)
    return None


def matches(pattern: str, name: str) -> tuple[str, ...] | None:
    """Return what each '*' of a pattern stands for in a name; None where it does not match."""
    match = re.fullmatch("(.*?)".join(map(re.escape, pattern.split("*"))), name)
    return match.groups() if match else None
