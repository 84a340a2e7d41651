"""Files that are complete or absent: atomic writes under unique temporary names, JSON, and one wording for a failed write."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from visionfw.errors import VisionfwError, brief

_PARTIAL = ".partial-"  # prefix of the names of temporary files


@contextmanager
def reporting_write_errors(path: Path, consequence: str = "") -> Iterator[None]:
    """Turn an OSError inside the `with` block into a VisionfwError "PATH: cannot be written: REASON".

    Args:
        path: the file or folder that the block writes.
        consequence: what the failure means for the user, appended after a semicolon.
    """
    try:
        yield
    except OSError as error:
        raise _cannot_be_written(path, error, consequence) from error


def _cannot_be_written(path: Path, error: OSError, consequence: str = "") -> VisionfwError:
    return VisionfwError(f"{path}: cannot be written: {error.strerror or brief(error)}{f'; {consequence}' if consequence else ''}")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it replaces `path` if the block succeeds and is removed otherwise.

    The temporary file lies in the same folder, has the same suffixes, and a name that no other process or thread uses.

    Raises:
        OSError: the file cannot be moved into place.
    """
    with _temporary_beside(path) as temporary:
        yield temporary
        os.replace(temporary, path)


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    """Yield an unused path beside a file; whatever lies there after the block is removed."""
    temporary = path.with_name(f"{_PARTIAL}{secrets.token_hex(8)}{''.join(path.suffixes[-2:])}")
    try:
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes | bytearray | memoryview, consequence: str = "") -> None:
    """Write a file atomically: after a failure or a kill it holds its old content or does not exist.

    Args:
        path: the file; its folder must exist.
        content: all of the file's bytes.
        consequence: see `reporting_write_errors`.

    Raises:
        VisionfwError: the file cannot be written.
    """
    with reporting_write_errors(path, consequence), atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically and make its folder if necessary. Raises VisionfwError if it cannot be written.

    Characters without a UTF-8 form (from file names that are not text) are written as backslash escapes.
    """
    with reporting_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically. Raises VisionfwError if it cannot be written."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def create_json(path: Path, value: Any) -> None:
    """Write a new JSON file atomically; of several processes that create the same file exactly one succeeds.

    Raises:
        FileExistsError: the file exists.
        VisionfwError: it cannot be written.
    """
    content = (json.dumps(value, indent=2) + "\n").encode()
    try:
        with _temporary_beside(path) as temporary:
            temporary.write_bytes(content)
            os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        _create(path, content)


def _create(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object. Raises VisionfwError if it cannot be read or is damaged."""
    value = read_json_value(path)
    if not isinstance(value, Mapping):
        raise VisionfwError(f"{path}: is damaged: it holds {type(value).__name__}, not a dictionary")
    return dict(value)


def read_json_value(path: Path) -> Any:
    """Read a JSON file that holds anything. Raises VisionfwError if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VisionfwError(f"{path}: cannot be read: {brief(error)}") from error


def remove_partial_files(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder. Only call this while no other process writes there."""
    for path in folder.glob(f"{_PARTIAL}*"):
        with suppress(OSError):
            path.unlink()
