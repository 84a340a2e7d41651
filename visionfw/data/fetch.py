"""Standard sets from their public addresses: only when asked for, resumable, whole or not there."""

from __future__ import annotations

import contextlib
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from visionfw.data.datasets import data_root
from visionfw.data.known import KNOWN, Archive, KnownSet
from visionfw.errors import RequestError, VisionfwError, unknown
from visionfw.imaging.files import SUFFIXES

Counter = Callable[[int, int], None]
_CHUNK = 2**20
_SECONDS = 60  # without a byte


def fetch(name: str, root: str | None, address: str | None = None, progress: Counter | None = None) -> tuple[Path, int]:
    """Download a standard set into the data root.

    Args:
        name: of a set that has an address, or of any folder where `address` is given.
        root: folder that data names are looked up in.
        address: another address: a .zip, .tar, .tar.gz or .tgz archive, or an image; http, https or file.
        progress: called with (bytes done, bytes in all) of each file.

    Returns:
        The set's folder, and how many images it holds.

    Raises:
        RequestError: no such set, no public address, or the folder is there already.
        VisionfwError: the address cannot be reached, the download ended early (it is gone on with the next time), or the archive is
            damaged or holds no image.
    """
    known = next((known for known in KNOWN if name.lower() in {entry.lower() for entry in (known.name, *known.also)}), None)
    if known is None and address is None:
        raise RequestError(unknown("standard set", name, [known.name for known in KNOWN], most=20))
    if address is not None and not address.startswith(("http://", "https://", "file://")):
        raise RequestError(f"--address: must begin with http://, https:// or file://, not {address!r}")
    archives = (Archive(address),) if address else known.archives
    if not archives:
        raise RequestError(f"{known.name} has no public address ({known.licence}); get it from {known.page} and unpack it into a folder {known.name}")
    folder = data_root(root) / (known.name if known else name)
    if folder.exists():
        raise RequestError(f"{folder} is there already; remove it to fetch it anew")
    downloads = folder.with_name(f".{folder.name}.download")
    downloads.mkdir(exist_ok=True)
    try:
        files = {address: _download(address, downloads, known, progress) for address in dict.fromkeys(archive.address for archive in archives)}
    finally:
        with contextlib.suppress(OSError):  # not empty: something to go on with
            downloads.rmdir()
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    count = sum(_unpack(files[archive.address], archive, partial / archive.folder) for archive in archives)
    if not count:
        raise VisionfwError(f"{', '.join(files)}: no image in it ({', '.join(SUFFIXES)})")
    partial.rename(folder)
    shutil.rmtree(downloads, ignore_errors=True)
    return folder, count


def _download(address: str, folder: Path, known: KnownSet | None, progress: Counter | None) -> Path:
    """Download one file, going on where an earlier time ended, if the server's file is still the same."""
    name = PurePosixPath(urllib.request.url2pathname(address.partition("?")[0].partition("://")[2])).name or "download"
    whole, part, mark = (folder / f"{name}{suffix}" for suffix in ("", ".part", ".mark"))
    if whole.exists():
        return whole
    there = part.stat().st_size if part.exists() and mark.exists() else 0
    request = urllib.request.Request(address, headers={"User-Agent": "visionfw"})
    if there:
        request.add_header("Range", f"bytes={there}-")
        request.add_header("If-Range", mark.read_text(encoding="utf-8"))
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            goes_on = getattr(answer, "status", 200) == 206
            _receive(answer, part, mark, there if goes_on else 0, address, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise VisionfwError(f"{address}: the server says {error.code} {error.reason}{_by_hand(known)}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise VisionfwError(f"{address}: cannot be reached: {getattr(error, 'reason', error)}{_by_hand(known)}") from error
    part.rename(whole)
    return whole


def _receive(answer: IO[bytes], part: Path, mark: Path, there: int, address: str, progress: Counter | None) -> None:
    """Write what the server sends behind what is there; raise VisionfwError where it is less than it promised."""
    headers = answer.headers
    promised = int(headers["Content-Length"]) + there if headers["Content-Length"] else None
    validator = headers["ETag"] or headers["Last-Modified"]
    mark.unlink(missing_ok=True)
    if validator and not validator.startswith("W/"):
        mark.write_text(validator, encoding="utf-8")
    with part.open("ab" if there else "wb") as file:
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            there += len(chunk)
            if progress and promised:
                progress(there, promised)
    if promised is not None and there < promised:
        raise VisionfwError(f"{address}: ended early, {there} of {promised} bytes; the same command goes on from there")


def _by_hand(known: KnownSet | None) -> str:
    return f"; or get it from {known.page} and unpack it into a folder {known.name}" if known else ""


def _unpack(file: Path, archive: Archive, folder: Path) -> int:
    """Copy the images of an archive, or the one image that it is, into a folder; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if file.suffix.lower() in SUFFIXES:
            shutil.copyfile(file, folder / file.name)
            return 1
        count = 0
        for name, content in _members(file):
            plain = PurePosixPath(name.replace("\\", "/"))
            if plain.suffix.lower() in SUFFIXES and archive.member in name and not plain.name.startswith(".") and "__MACOSX" not in plain.parts:
                with content as source, (folder / plain.name).open("xb") as target:
                    shutil.copyfileobj(source, target)
                count += 1
        return count
    except FileExistsError as error:
        raise VisionfwError(f"{file}: holds two images called {Path(error.filename).name}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise VisionfwError(f"{file}: is damaged or no archive ({error}); remove it to download it anew") from error


def _members(file: Path) -> Iterator[tuple[str, contextlib.AbstractContextManager[IO[bytes]]]]:
    """Yield the name and the opened content of each file in an archive; nothing is ever written where a member's name says."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as opened:
            for entry in opened.infolist():
                if not entry.is_dir():
                    yield entry.filename, opened.open(entry)
        return
    with tarfile.open(file) as opened:
        for entry in opened:
            if entry.isfile():
                yield entry.name, opened.extractfile(entry)
