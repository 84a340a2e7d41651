"""One file from an address, checked by its hash where one is known; an interrupted download is continued."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from visionfw.errors import VisionfwError
from visionfw.io.progress import ProgressCallback

_CHUNK = 2**20
_TIMEOUT = 60  # seconds without a byte


def download(address: str, folder: Path, sha256: str = "", progress: ProgressCallback | None = None) -> Path:
    """Download a file.

    Args:
        address: https, http or file.
        folder: where it is kept, and what there is of it after an interrupted download.
        sha256: of the file; '' where it is not known.
        progress: called with (bytes done, bytes in all).

    Returns:
        The file, whole, under its own name in a folder of its address' own.

    Raises:
        VisionfwError: the address is wrong or cannot be reached, the download ended early, or the file has another hash.
    """
    import pooch

    name = PurePosixPath(urllib.request.url2pathname(address.partition("?")[0].partition("://")[2])).name or "download"
    place = folder / hashlib.sha256(address.encode()).hexdigest()[:12]
    place.mkdir(parents=True, exist_ok=True)
    resumable = _ResumableDownload(place, progress)
    with _quiet(pooch.get_logger()):
        try:
            return Path(pooch.retrieve(address, f"sha256:{sha256}" if sha256 else None, name, place, downloader=resumable))
        except ValueError as error:  # pooch's word for another hash
            raise VisionfwError(f"{address}: the SHA-256 of the file is not {sha256}: it was changed or damaged; the same command downloads it anew") from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep a logger's remarks off the terminal inside a `with` block."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class _ResumableDownload:
    """A downloader for pooch that continues where an earlier one ended.

    What is received is kept in `part`. `validator` holds the server's ETag or modification time: the file is continued only if that is the
    same the next time.

    Args:
        folder: of both files.
        progress: called with (bytes done, bytes in all).
    """

    def __init__(self, folder: Path, progress: ProgressCallback | None):
        self.part, self.validator, self.progress = folder / "part", folder / "validator", progress

    def __call__(self, address: str, output_file: Any, pooch: Any = None) -> None:
        try:
            self._receive_or_begin_anew(address)
        except urllib.error.HTTPError as error:
            error.close()
            raise VisionfwError(f"{address}: the server answered {error.code} {error.reason}") from error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
            raise VisionfwError(f"{address}: cannot be reached or read: {getattr(error, 'reason', None) or error or type(error).__name__}") from error
        os.replace(self.part, output_file)
        self.validator.unlink(missing_ok=True)

    def _receive_or_begin_anew(self, address: str) -> None:
        """Ask for what is missing; where the server cannot continue there, ask for all."""
        try:
            self._receive(address)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            error.close()
            self.validator.unlink(missing_ok=True)
            self._receive(address)

    def _receive(self, address: str) -> None:
        """Append what the server sends to what is there of the same file. Raises VisionfwError where it is less than it promised."""
        received = self.part.stat().st_size if self.part.exists() and self.validator.exists() else 0
        request = urllib.request.Request(address, headers={"User-Agent": "visionfw"})
        if received:
            request.add_header("Range", f"bytes={received}-")
            request.add_header("If-Range", self.validator.read_text(encoding="utf-8"))
        with urllib.request.build_opener(_NoDowngrade).open(request, timeout=_TIMEOUT) as answer:
            received = received if _continues_at(answer, received) else 0
            length = answer.headers["Content-Length"]
            total = int(length) + received if length else None
            self._write(answer, received, total)
        if total is not None and self.part.stat().st_size < total:
            next_time = "continues from there" if self.validator.exists() else "begins anew"
            raise VisionfwError(f"{address}: ended early, {self.part.stat().st_size} of {total} bytes; the same command {next_time}")

    def _write(self, answer: Any, received: int, total: int | None) -> None:
        with self.part.open("r+b" if received else "wb") as file:
            file.seek(received)
            self._keep_validator(answer)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                received += len(chunk)
                if self.progress and total:
                    self.progress(received, total)

    def _keep_validator(self, answer: Any) -> None:
        """Keep the answer's ETag or modification time; a weak ETag does not promise equal bytes."""
        validator = answer.headers["ETag"] or answer.headers["Last-Modified"]
        self.validator.unlink(missing_ok=True)
        if validator and not validator.startswith("W/"):
            self.validator.write_text(validator, encoding="utf-8")


def _continues_at(answer: Any, position: int) -> bool:
    """Tell whether an answer is the rest of a file from a position on."""
    is_partial = getattr(answer, "status", 200) == http.HTTPStatus.PARTIAL_CONTENT
    return is_partial and (answer.headers["Content-Range"] or f"bytes {position}-").startswith(f"bytes {position}-")


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Refuses to be redirected from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.URLError(f"the server redirects to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
