"""One file from an address, going on where an earlier time ended."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import IO

from visionfw.errors import VisionfwError
from visionfw.io.progress import ProgressCallback

_CHUNK = 2**20
_SECONDS = 60  # without a byte


def download(address: str, folder: Path, progress: ProgressCallback | None = None) -> Path:
    """Download a file.

    Args:
        address: http, https or file.
        folder: where it is kept, and what there is of it after a download that was cut off.
        progress: called with (bytes done, bytes in all).

    Returns:
        The file, whole, under its own name in a folder of its address' own.

    Raises:
        VisionfwError: the address is wrong or cannot be reached, or the download ended early.
    """
    name = PurePosixPath(urllib.request.url2pathname(address.partition("?")[0].partition("://")[2])).name or "download"
    place = folder / hashlib.sha256(address.encode()).hexdigest()[:12]
    place.mkdir(parents=True, exist_ok=True)
    whole = place / name
    if not whole.exists():
        _receive_whole(address, place / "part", place / "mark", progress)
        (place / "part").rename(whole)
    return whole


def _receive_whole(address: str, part: Path, mark: Path, progress: ProgressCallback | None) -> None:
    """Ask for what is not there yet; where the server cannot say it, ask for all."""
    try:
        try:
            _receive(address, part, mark, progress)
        except urllib.error.HTTPError as error:
            if error.code != 416:  # what is there is not the beginning of what the server has
                raise
            error.close()
            mark.unlink(missing_ok=True)
            _receive(address, part, mark, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise VisionfwError(f"{address}: the server says {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        raise VisionfwError(f"{address}: cannot be reached or read: {getattr(error, 'reason', None) or error or type(error).__name__}") from error


def _receive(address: str, part: Path, mark: Path, progress: ProgressCallback | None) -> None:
    """Write what the server sends behind what is there of the same file; raise VisionfwError where it is less than it promised."""
    there = part.stat().st_size if part.exists() and mark.exists() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "visionfw"})
    if there:
        request.add_header("Range", f"bytes={there}-")
        request.add_header("If-Range", mark.read_text(encoding="utf-8"))
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        goes_on = getattr(answer, "status", 200) == 206 and (answer.headers["Content-Range"] or f"bytes {there}-").startswith(f"bytes {there}-")
        there = there if goes_on else 0
        length = answer.headers["Content-Length"]
        promised = int(length) + there if length else None
        with part.open("r+b" if goes_on else "wb") as file:
            file.seek(there)
            _remember(mark, answer)
            _copy(answer, file, there, promised, progress)
    if promised is not None and part.stat().st_size < promised:
        goes_on = "goes on from there" if mark.exists() else "begins anew"
        raise VisionfwError(f"{address}: ended early, {part.stat().st_size} of {promised} bytes; the same command {goes_on}")


def _remember(mark: Path, answer: IO[bytes]) -> None:
    """Keep what tells whether the server's file is still the same the next time; a weak mark does not."""
    validator = answer.headers["ETag"] or answer.headers["Last-Modified"]
    mark.unlink(missing_ok=True)
    if validator and not validator.startswith("W/"):
        mark.write_text(validator, encoding="utf-8")


def _copy(answer: IO[bytes], file: IO[bytes], there: int, promised: int | None, progress: ProgressCallback | None) -> None:
    while chunk := answer.read(_CHUNK):
        file.write(chunk)
        there += len(chunk)
        if progress and promised:
            progress(there, promised)
