"""Work on many items in threads: image decoding and NumPy release Python's lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from visionfw.backend.devices import processors
from visionfw.io.progress import ProgressCallback

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(function: Callable[[Item], Result], items: Sequence[Item], progress: ProgressCallback | None = None) -> Iterator[Result]:
    """Yield a function's results in the order of the items, computed by as many threads as this process has processor cores.

    Only a few items are worked on ahead of what is consumed, so that memory stays bounded. Where the function raises, or the
    consumer stops, what has not begun is not done any more.

    Args:
        function: called with one item.
        items: what to work on.
        progress: called with (items done, items in all).
    """
    count = processors()
    with ThreadPoolExecutor(count) as workers:
        pending: deque[Future] = deque()
        try:
            for done, result in enumerate(_in_order(workers, function, items, pending, 2 * count), 1):
                if progress:
                    progress(done, len(items))
                yield result
        finally:
            for future in pending:
                future.cancel()


def _in_order(workers: ThreadPoolExecutor, function: Callable, items: Iterable, pending: deque[Future], ahead: int) -> Iterator:
    for item in items:
        pending.append(workers.submit(function, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
