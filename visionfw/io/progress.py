"""Progress of long work with the remaining time: a line that is updated in place on a terminal, a line every 30 s elsewhere."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TextIO

#: Called with (items done, items in total).
ProgressCallback = Callable[[int, int], None]

_TERMINAL_INTERVAL, _LOG_INTERVAL = 0.1, 30.0  # seconds between two updates
_CLEAR_LINE = "\r\x1b[K"


def duration_text(seconds: float) -> str:
    """Write a duration: '1 h 5 min', '3 min 20 s', '7 s'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class RemainingTime:
    """Estimate the remaining time of work that is counted in items, from the speed since the first call."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._last_done = 0

    def seconds(self, done: int, total: int) -> float | None:
        """Return the estimate in seconds; None as long as there is nothing to estimate it from.

        What is done at the first call does not count as speed. A count that falls starts the clock again: it is another file's.
        """
        now = time.monotonic()
        if self._first is None or done < self._last_done:
            self._first = now, done
        self._last_done = done
        elapsed, new = now - self._first[0], done - self._first[1]
        return (total - done) * elapsed / new if new and elapsed else None

    def text(self, done: int, total: int) -> str:
        """Return ", 3 min 20 s left", or "" without an estimate or at the end."""
        seconds = self.seconds(done, total)
        return "" if seconds is None or done >= total else f", {duration_text(seconds)} left"


class ProgressReporter:
    """Report how much of some work is done; call it with (items done, items in total, details).

    Args:
        label: the work: 'decoding images'.
        stream: where the line is written; standard error unless given.
    """

    def __init__(self, label: str, stream: TextIO | None = None):
        self.label = label
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._interval = _TERMINAL_INTERVAL if self._is_terminal else _LOG_INTERVAL
        self._last_update = time.monotonic()
        self._remaining = RemainingTime()

    def __call__(self, done: int, total: int, details: str = "") -> None:
        """Update the line if the last update was long enough ago or everything is done.

        Args:
            done: number of items done.
            total: number of all items.
            details: text that follows the counts, such as the current loss.
        """
        remaining = self._remaining.text(done, total)
        is_last = done >= total
        now = time.monotonic()
        if now - self._last_update < self._interval and not (is_last and self._is_terminal):
            return
        self._last_update = now
        line = f"{self.label}: {done}/{total}{f', {details}' if details else ''}{remaining}"
        if self._is_terminal:
            print(f"{_CLEAR_LINE}{line}", end="\n" if is_last else "", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)

    def log(self, line: str) -> None:
        """Print a line to standard output in place of the progress line, which comes back with the next update."""
        if self._is_terminal:
            print(_CLEAR_LINE, end="", file=self._stream, flush=True)
        print(line, flush=True)


class StepTimer:
    """Count the denoising steps of a diffusion model and measure the time of one.

    Args:
        steps_per_image: denoising steps (NFE) of an image.
        images: number of images.
        progress: called with (steps done, steps in total) after each step.
    """

    def __init__(self, steps_per_image: int, images: int, progress: ProgressCallback):
        self.steps_per_image, self.total, self._progress = steps_per_image, steps_per_image * images, progress
        self._times = [time.monotonic()]

    def __call__(self) -> None:
        """Count one step."""
        self._times.append(time.monotonic())
        self._progress(self.done, self.total)

    @property
    def done(self) -> int:
        """Number of steps done."""
        return len(self._times) - 1

    def speed_text(self) -> str:
        """Return the median time of a step, and the time of an image at that speed, in words."""
        step = statistics.median(after - before for before, after in pairwise(self._times))
        return f"speed: {step * 1000:.0f} ms per denoising step, {self.steps_per_image} steps: {step * self.steps_per_image:.1f} s per image"
