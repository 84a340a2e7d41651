"""Paths as users write them, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from visionfw.errors import RequestError, VisionfwError, brief


def user_path(text: str | Path) -> Path:
    """Return a path with ~ and ~user written out. Raises RequestError where there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise RequestError(f"{text}: there is no such user's folder") from error


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock on a file for the length of a `with` block; the system lifts it when the process ends, however it ends.

    Args:
        path: a file of its own, made where it is not there.
        waiting: called where another process holds the lock and is waited for.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file beside its place and move it there, so that it is whole or not there. Raises OSError."""
    aside = path.with_name(f".{path.name}.partial")
    try:
        aside.write_bytes(content)
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all. Raises VisionfwError."""
    try:
        write_whole(path, (json.dumps(values, indent=2) + "\n").encode())
    except OSError as error:
        raise VisionfwError(f"{path}: cannot be written: {error.strerror}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a dictionary. Raises VisionfwError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VisionfwError(f"{path}: cannot be read: {brief(error)}") from error
    if not isinstance(values, dict):
        raise VisionfwError(f"{path}: is damaged: holds {type(values).__name__}, not a dictionary")
    return values
