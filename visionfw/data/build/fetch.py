"""Standard sets from their public addresses: only when asked for, resumable, whole or not there."""

from __future__ import annotations

import contextlib
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from visionfw.data.build.download import download
from visionfw.data.datasets import data_root
from visionfw.data.datasets.standard import STANDARD_DATASETS, Archive, StandardDataset
from visionfw.errors import RequestError, VisionfwError, brief, unknown
from visionfw.imaging.files import SUFFIXES
from visionfw.io.progress import ProgressCallback

#: What reading a damaged archive can raise.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, NotImplementedError)


def fetch(name: str, root: str | None, address: str | None = None, progress: ProgressCallback | None = None) -> tuple[Path, int]:
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
    known = next((known for known in STANDARD_DATASETS if name.lower() in {entry.lower() for entry in (known.name, *known.also)}), None)
    if known is None and address is None:
        raise RequestError(unknown("standard set", name, [known.name for known in STANDARD_DATASETS], most=20))
    if address is not None and not address.startswith(("http://", "https://", "file://")):
        raise RequestError(f"--address: must begin with http://, https:// or file://, not {address!r}")
    archives = (Archive(address),) if address else known.archives
    if not archives:
        raise RequestError(f"{known.name} has no public address ({known.license}); get it from {known.page} and unpack it into a folder {known.name}")
    if known is None and (Path(name).name != name or name in (".", "..")):
        raise RequestError(f"--name: a set is one folder of the data root, not {name!r}")
    folder = data_root(root) / (known.name if known else name)
    if folder.exists():
        raise RequestError(f"{folder} is there already; remove it to fetch it anew")
    downloads, partial = (folder.with_name(f".{folder.name}.{what}") for what in ("download", "partial"))
    try:
        files = {address: download(address, downloads, progress) for address in dict.fromkeys(archive.address for archive in archives)}
        count = sum(_unpack(files[archive.address], archive, partial / archive.folder) for archive in archives)
        _refuse_wrong_count(count, known if address is None else None, files)
        partial.rename(folder)
    except VisionfwError as error:
        by_hand = f"; or get it from {known.page} and unpack it into a folder {known.name}" if known else ""
        raise VisionfwError(f"{error}{by_hand}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if folder.exists() or (downloads.is_dir() and not any(path.is_file() for path in downloads.rglob("*"))):
            shutil.rmtree(downloads, ignore_errors=True)
    return folder, count


def _refuse_wrong_count(count: int, known: StandardDataset | None, files: Iterable[str]) -> None:
    if not count:
        raise VisionfwError(f"{', '.join(files)}: no image in it ({', '.join(SUFFIXES)})")
    if known is not None and count != known.count:
        raise VisionfwError(f"{', '.join(files)}: {count} images, but {known.name} has {known.count}; --address takes another address")


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
        raise VisionfwError(f"{archive.address}: holds two images called {Path(error.filename).name}") from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk
            raise
        shutil.rmtree(file.parent)
        raise VisionfwError(f"{archive.address}: is damaged or no archive ({brief(error)}); the same command downloads it anew") from error


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
        opened.fileobj.seek(opened.offset)  # tarfile takes a damaged header for the end, and leaves gzip's checksum unread
        if opened.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError("a header is damaged")
        while opened.fileobj.read(2**20):
            pass
