"""Standard sets from their public addresses: downloaded by `prepare.py fetch` alone, resumable, whole or not there."""

from __future__ import annotations

import contextlib
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from visionfw.data.build.download import download
from visionfw.data.datasets import data_root
from visionfw.data.datasets.standard import STANDARD_DATASETS, Archive, StandardDataset
from visionfw.errors import RequestError, VisionfwError, brief, unknown
from visionfw.imaging.files import SUFFIXES
from visionfw.io.progress import ProgressCallback

#: What reading a damaged archive can raise.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class FetchedSet:
    """A set that was downloaded.

    Attributes:
        folder: where it lies.
        images: how many images it holds.
        is_verified: every file had the hash that is published for it.
    """

    folder: Path
    images: int
    is_verified: bool


def fetch(name: str, root: str | None, address: str | None = None, progress: ProgressCallback | None = None) -> FetchedSet:
    """Download a standard set into the data root.

    Args:
        name: of a set that has an address, or of any folder where `address` is given.
        root: folder that data names are looked up in.
        address: another address: a .zip, .tar, .tar.gz or .tgz archive, or an image; https, http or file.
        progress: called with (bytes done, bytes in all) of each file.

    Raises:
        RequestError: no such set, no public address, or the folder is there already.
        VisionfwError: the address cannot be reached, the download ended early (the next call continues it), a file has another hash
            than the published one, or the archive is damaged or holds another number of images.
    """
    standard = next((dataset for dataset in STANDARD_DATASETS if name.lower() in dataset.names), None)
    archives = _archives(name, standard, address)
    folder = data_root(root) / (standard.name if standard else name)
    if folder.exists():
        raise RequestError(f"{folder} is there already; remove it to fetch it anew")
    try:
        count = _fetch_into(folder, archives, standard if address is None else None, progress)
    except VisionfwError as error:
        by_hand = f"; or get it from {standard.page} and unpack it into a folder {standard.name}" if standard else ""
        raise VisionfwError(f"{error}{by_hand}") from error
    return FetchedSet(folder, count, all(archive.sha256 for archive in archives))


def _archives(name: str, standard: StandardDataset | None, address: str | None) -> tuple[Archive, ...]:
    """Return what is to be downloaded. Raises RequestError where that is not clear or not possible."""
    if standard is None and address is None:
        raise RequestError(unknown("standard set", name, [dataset.name for dataset in STANDARD_DATASETS], 20))
    if address is not None and not address.startswith(("https://", "http://", "file://")):
        raise RequestError(f"--address: must begin with https://, http:// or file://, not {address!r}")
    if standard is None and (Path(name).name != name or name in (".", "..")):
        raise RequestError(f"--name: a set is one folder of the data root, not {name!r}")
    archives = (Archive(address),) if address else standard.archives if standard else ()
    if standard is not None and not archives:
        instead = f"get it from {standard.page} and unpack it into a folder {standard.name}"
        raise RequestError(f"{standard.name} has no public address ({standard.license}); {instead}")
    return archives


def _fetch_into(folder: Path, archives: Sequence[Archive], standard: StandardDataset | None, progress: ProgressCallback | None) -> int:
    """Download and unpack archives beside a folder, move them there when they are whole, and return how many images there are."""
    downloads, partial = (folder.with_name(f".{folder.name}.{purpose}") for purpose in ("download", "partial"))
    try:
        hashes = {archive.address: archive.sha256 for archive in archives}
        files = {address: download(address, downloads, sha256, progress) for address, sha256 in hashes.items()}
        count = sum(_unpack(files[archive.address], archive, partial / archive.folder) for archive in archives)
        _refuse_wrong_count(count, standard, files)
        partial.rename(folder)
        return count
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if folder.exists() or (downloads.is_dir() and not any(path.is_file() for path in downloads.rglob("*"))):
            shutil.rmtree(downloads, ignore_errors=True)


def _refuse_wrong_count(count: int, standard: StandardDataset | None, addresses: Iterable[str]) -> None:
    if not count:
        raise VisionfwError(f"{', '.join(addresses)}: no image in it ({', '.join(SUFFIXES)})")
    if standard is not None and count != standard.count:
        raise VisionfwError(f"{', '.join(addresses)}: {count} images, but {standard.name} has {standard.count}; --address takes another address")


def _unpack(file: Path, archive: Archive, folder: Path) -> int:
    """Copy the images of an archive, or the one image that it is, into a folder; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if file.suffix.lower() in SUFFIXES:
            shutil.copyfile(file, folder / file.name)
            return 1
        return sum(_copy_image(name, content, archive, folder) for name, content in _members(file))
    except FileExistsError as error:
        raise VisionfwError(f"{archive.address}: holds two images called {Path(error.filename).name}") from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk
            raise
        shutil.rmtree(file.parent)
        raise VisionfwError(f"{archive.address}: is damaged or no archive ({brief(error)}); the same command downloads it anew") from error


def _copy_image(name: str, content: contextlib.AbstractContextManager[IO[bytes]], archive: Archive, folder: Path) -> bool:
    """Copy a member of an archive into a folder, if it is an image of the set; tell whether it is."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.suffix.lower() not in SUFFIXES or archive.member not in name or path.name.startswith(".") or "__MACOSX" in path.parts:
        return False
    with content as source, (folder / path.name).open("xb") as target:
        shutil.copyfileobj(source, target)
    return True


def _members(file: Path) -> Iterator[tuple[str, contextlib.AbstractContextManager[IO[bytes]]]]:
    """Yield the name and the opened content of each file in an archive; nothing is ever written where a member's name points."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield from ((entry.filename, archive.open(entry)) for entry in archive.infolist() if not entry.is_dir())
        return
    with tarfile.open(file) as opened:
        for member in opened:
            content = opened.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content
        _refuse_damaged_end(opened)


def _refuse_damaged_end(opened: tarfile.TarFile) -> None:
    """Read an archive to its end: tarfile takes a damaged header for the end, and leaves gzip's checksum unread."""
    file: Any = opened.fileobj
    file.seek(opened.offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a header is damaged")
    while file.read(2**20):
        pass
