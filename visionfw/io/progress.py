"""How far long work has come: a line that changes on a terminal, a line every half minute elsewhere."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TextIO

Counter = Callable[[int, int], None]
_EVERY = {True: 0.1, False: 30.0}  # seconds between two reports, on a terminal and elsewhere


def counter(what: str, stream: TextIO | None = None) -> Counter:
    """Return a function that is called with (done, of) and tells them with the time that is left.

    Args:
        what: what is being done: 'reading images'.
        stream: where to write; standard error unless given.
    """
    stream = stream or sys.stderr
    told = time.monotonic()
    first: tuple[float, int] | None = None
    on_terminal = stream.isatty()

    def tell(done: int, of: int) -> None:
        nonlocal told, first
        now = time.monotonic()
        first = (now, done) if first is None or done < first[1] else first  # what was there before was not done now; or the next file
        speed = (done - first[1]) / (now - first[0]) if now > first[0] else 0.0
        is_last = done >= of
        if now - told < _EVERY[on_terminal] and not (is_last and on_terminal):
            return
        told = now
        left = f", {span((of - done) / speed)} left" if speed and not is_last else ""
        line = f"{what}: {done}/{of}{left}"
        print(f"\r{line}\x1b[K" if on_terminal else line, end="\n" if is_last or not on_terminal else "", file=stream, flush=True)

    return tell


def span(seconds: float) -> str:
    """Return a length of time in words: '1 h 5 min', '3 min 20 s', '7 s'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


class StepTimer:
    """The looks that a diffusion model takes at images: how many were taken, and what one costs.

    Args:
        steps: looks at each image.
        images: to look at.
        tell: called with (looks done, looks in all).
    """

    def __init__(self, steps: int, images: int, tell: Counter):
        self.steps, self.all, self.tell, self.times = steps, steps * images, tell, [time.monotonic()]

    def __call__(self) -> None:
        """Count one."""
        self.times.append(time.monotonic())
        self.tell(self.taken, self.all)

    @property
    def taken(self) -> int:
        """How many were taken."""
        return len(self.times) - 1

    def pace(self) -> str:
        """Return the time of a look, the median, and of an image's looks, in words."""
        look = statistics.median(after - before for before, after in pairwise(self.times))
        return f"speed: {look * 1000:.0f} ms a look, {self.steps} looks: {look * self.steps:.1f} s an image"
