"""Ends a training after the current step at Ctrl-C or SIGTERM, so that it can save itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class StopRequest:
    """Whether a training is to end after the current step."""

    is_requested: bool = False


@contextmanager
def stop_at_signals() -> Iterator[StopRequest]:
    """Turn Ctrl-C and SIGTERM into a request to stop, for the length of a `with` block; a second signal raises KeyboardInterrupt at once.

    Outside the main thread, which alone receives signals, nothing sets the request.
    """
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_requested:
            raise KeyboardInterrupt
        stop.is_requested = True

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
