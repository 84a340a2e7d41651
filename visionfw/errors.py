"""The errors a user can meet, and the words they are said in.

Every error that reaches a user is one of these classes. A command prints it as one line (or one line a problem) and ends with the
class's exit status: 2 where the request was wrong, 1 where the work failed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence


class VisionfwError(Exception):
    """The work failed: a file could not be read, a disk was full. Commands end with status 1."""

    status = 1


class RequestError(VisionfwError, ValueError):
    """The request is wrong: a flag, a name, a file that is not there. Commands end with status 2."""

    status = 2


class ModelDefinitionError(RequestError):
    """A model dictionary is wrong; `.problems` lists every problem found, each with the address of its link."""

    def __init__(self, problems: Iterable[str]):
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


def nearest(name: object, choices: Iterable[object]) -> str | None:
    """Return the choice that reads most like `name`, or None where nothing is near."""
    by_lower = {str(choice).lower(): str(choice) for choice in choices}
    lower = str(name).lower()
    if lower in by_lower:
        return by_lower[lower]
    beginnings = sorted((choice for choice in by_lower if len(lower) >= 3 and choice.startswith(lower)), key=len)
    found = beginnings or difflib.get_close_matches(lower, by_lower, n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def unknown(kind: str, name: object, choices: Iterable[object], most: int = 12) -> str:
    """Say that `name` is no `kind`, with the nearest choice, or with all of them where they are few and none is near.

    Example:
        >>> unknown("layer", "Conv2", ["Conv2D", "Dense"])
        "no layer 'Conv2'; did you mean 'Conv2D'?"
    """
    choices = sorted({str(choice) for choice in choices})
    near = nearest(name, choices)
    if near is not None:
        return f"no {kind} {name!r}; did you mean {near!r}?"
    if not choices:
        return f"no {kind} {name!r}; there is none to choose from"
    shown = ", ".join(choices[:most]) + (", ..." if len(choices) > most else "")
    return f"no {kind} {name!r}; there is {shown}"


def some(names: Sequence[object], most: int = 5) -> str:
    """Return the first few of many names, joined by commas."""
    return ", ".join(str(name) for name in names[:most]) + (" ..." if len(names) > most else "")


def brief(error: BaseException) -> str:
    """Return an exception's first telling line, for a message that already says where it happened."""
    plain = re.sub(r"\x1b\[\d*m|\{\{.*?\}\}", "", str(error))
    lines = [line.strip().rstrip(".") for line in plain.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):  # Keras says what it was in the second line
        return f"{lines[0].split()[-1]}: {lines[1]}"
    return lines[0] if lines else type(error).__name__
