"""What is checked of every request; problems are gathered and told together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from visionfw.errors import RequestError, unknown

PRECISIONS = {
    "auto": "mixed_bfloat16 where the processor or GPU computes it in hardware, else float32",
    "float32": "everything in float32",
    "mixed_bfloat16": "layers in bfloat16; weights, loss and output in float32",
}


def choices(request: Any, tables: dict[str, dict[str, str]]) -> list[str]:
    """Say which names are not in their tables, key -> table."""
    wrong = [(key, getattr(request, key), table) for key, table in tables.items() if getattr(request, key) not in table]
    return [f"--{key}: {unknown('choice' if '_' in key else key, value, table)}" for key, value, table in wrong]


def problems_of(read: Callable[[str], Any], text: str) -> list[str]:
    """Say what a reader of a flag finds wrong with its text."""
    try:
        read(text)
    except RequestError as error:
        return str(error).splitlines()
    return []


def at_least(request: Any, least: int, keys: Sequence[str]) -> list[str]:
    """Say which numbers are too small."""
    given = {key: getattr(request, key) for key in keys}
    return [f"--{key} must be at least {least}, not {value}" for key, value in given.items() if value is not None and value < least]


def refuse(problems: list[str]) -> None:
    """Raise RequestError with all problems, where there are any."""
    if problems:
        raise RequestError("\n".join(problems))


def read_rescale(text: str) -> tuple[float, ...]:
    """Read the sizes at which images are used besides their own: '0.8,0.6'; '' or 'none' for no other. Raises RequestError."""
    parts = [part.strip() for part in text.split(",") if part.strip() not in ("", "none")]
    try:
        factors = tuple(dict.fromkeys(float(part) for part in parts))
    except ValueError:
        factors = (0.0,)
    if not all(0 < factor < 1 for factor in factors):
        raise RequestError(f"--rescale={text}: sizes are numbers between 0 and 1, joined by commas (0.8,0.6), or none")
    return factors
