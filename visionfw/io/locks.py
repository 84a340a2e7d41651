"""Locks between processes, each on a file of its own. The operating system releases a lock when its process ends, in whatever way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock for the length of a `with` block; wait for it as long as another process holds it.

    Args:
        path: the lock file, which is created if necessary and stays.
        on_wait: called once if the lock has to be waited for.

    Raises:
        OSError: the file cannot be created.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if on_wait is not None:
            on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold a lock for the length of a `with` block if it is free; yield whether it is held. Raises OSError as `locked` does."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock on a file."""
    if not path.exists():
        return False
    with try_lock(path) as is_free:
        return not is_free
