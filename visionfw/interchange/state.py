"""The keys and shapes of a state_dict, as an architecture's `detect` asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Shape = tuple[int, ...]


class MissingKey(KeyError):
    """A state_dict has no such key; the message says so."""

    def __str__(self) -> str:
        return str(self.args[0])


class State(Mapping[str, Shape]):
    """The shapes of a state_dict by key. What is asked for and not there raises MissingKey, which rules an architecture out.

    Args:
        shapes: key -> shape in PyTorch's axis order.
    """

    def __init__(self, shapes: Mapping[str, Shape]):
        self._shapes = dict(shapes)

    def __getitem__(self, key: str) -> Shape:
        if key not in self._shapes:
            raise MissingKey(f"it has no {key}")
        return self._shapes[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def __contains__(self, key: object) -> bool:
        return key in self._shapes

    def has(self, pattern: str) -> bool:
        """Return whether a key matches a pattern, in which each '*' stands for a number."""
        return bool(self._numbers(pattern))

    def count(self, pattern: str) -> int:
        """Return one more than the highest number that the first '*' of a pattern stands for.

        Args:
            pattern: a key in which each '*' stands for a number: "body.*.rdb1.conv1.weight".

        Raises:
            MissingKey: no key matches.
        """
        numbers = self._numbers(pattern)
        if not numbers:
            raise MissingKey(f"it has no {pattern}")
        return max(numbers) + 1

    def _numbers(self, pattern: str) -> list[int]:
        """Return what the first '*' of a pattern stands for in each key that matches; 0 for a pattern without one."""
        expression = re.compile(r"(\d+)".join(map(re.escape, pattern.split("*"))))
        matches = filter(None, map(expression.fullmatch, self._shapes))
        return [int(match.group(1)) if match.groups() else 0 for match in matches]
