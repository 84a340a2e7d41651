"""Image files of any kind -> enlarged files of the same kind: a model's work on pictures that have no reference."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visionfw.backend.memory import free_bytes
from visionfw.diffusion.sampler import DiffusionSampler
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.imaging.files import SUFFIXES, ImageError, read_header
from visionfw.imaging.pictures import Picture, read_picture, write_picture
from visionfw.imaging.resize import imresize
from visionfw.inference.upscaler import Upscaler
from visionfw.io.paths import user_path

Log = Callable[[str], None]
_MOST_SIDE = {".jpg": 65535, ".jpeg": 65535, ".webp": 16383}  # of the formats


@dataclass(frozen=True)
class Work:
    """One file to enlarge: where it is and where the result goes."""

    source: Path
    target: Path


def plan_files(images: str, out: str) -> list[Work]:
    """Find the images that are asked for.

    Args:
        images: files and folders joined by commas; folders are searched through, and what is in them keeps its way below `out`.
        out: the folder to write.

    Raises:
        RequestError: nothing is there, two images would be written to one place, or an image onto itself.
    """
    folder, found = user_path(out), []
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"--out={out}: is a file; name a folder")
    whole = user_path(images)  # a comma may also be part of a name
    for source in [whole] if whole.exists() else [user_path(part.strip()) for part in images.split(",") if part.strip()]:
        if source.is_dir():
            found += [Work(path, folder / path.relative_to(source)) for path in _images_below(source, folder)]
        elif source.is_file() or source.is_symlink():
            found.append(Work(source, folder / source.name))
        else:
            raise RequestError(f"--images: there is no {source}")
    if not found:
        raise RequestError(f"--images={images}: no images are there ({', '.join(SUFFIXES)})")
    places: dict[Path, Path] = {}
    for work in found:
        if work.target in places:
            raise RequestError(f"--images: {places[work.target]} and {work.source} would both become {work.target}; enlarge them into two folders")
        if work.target.name == work.source.name and work.target.parent.resolve() == work.source.parent.resolve():
            raise RequestError(f"--out={out}: {work.source} would be written over itself; name another folder")
        places[work.target] = work.source
    return found


def _images_below(folder: Path, out: Path) -> Iterator[Path]:
    """Yield a folder's images at any depth, links followed, without hidden ones and without what lies in a folder inside it that is written."""
    written = out.resolve()
    written = written if folder.resolve() in written.parents else None
    seen: set[Path] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        place = Path(here).resolve()
        if place in seen or place == written:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(here, name) for name in sorted(files) if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."))


def enlarge_files(upscaler: Upscaler | DiffusionSampler, works: Sequence[Work], overwrite: bool, log: Log, progress: Callable[[int, int], None]) -> str:
    """Enlarge files one by one; a bad one is reported and passed over, and what is there already is kept.

    Args:
        upscaler: the model.
        works: what `plan_files` returned.
        overwrite: make anew what is there.
        log: called with one line for each file that is not simply enlarged.
        progress: called with (files done, files in all).

    Returns:
        How many were enlarged, kept and passed over, in words.

    Raises:
        VisionfwError: some files could not be enlarged (after all others were), or the disk is full.
    """
    made = kept = failed = 0
    for done, work in enumerate(works, 1):
        if work.target.exists() and not overwrite:
            kept += 1
        else:
            try:
                enlarge_file(upscaler, work, log)
                made += 1
            except ImageError as error:
                log(f"passed over: {error}")
                failed += 1
        progress(done, len(works))
    said = f"{made} images enlarged" + (f", {kept} were there already (--overwrite makes them anew)" if kept else "")
    if failed:
        raise VisionfwError(f"{said}; {failed} of {len(works)} could not be (each is named above)")
    return said


def enlarge_file(upscaler: Upscaler | DiffusionSampler, work: Work, log: Log) -> None:
    """Enlarge one file in its own mode: bits, transparency, palette, profile and EXIF data stay.

    Raises:
        ImageError: it cannot be read or written, or does not fit into memory or the format.
    """
    header, scale = read_header(work.source), float(upscaler.scale)
    side, most = round(max(header.height, header.width) * scale), _MOST_SIDE.get(work.target.suffix.lower())
    if most and side > most:
        raise ImageError(work.source, f"would be {side} pixels long, and {work.target.suffix} holds {most}")
    needed = header.height * header.width * scale**2 * 8 * max(1, header.bits // 8)
    if needed > free_bytes():
        raise ImageError(work.source, f"its enlargement takes about {needed / 2**30:.1f} GiB, and {free_bytes() / 2**30:.1f} GiB are free")
    picture = read_picture(work.source)
    if picture.frames > 1:
        log(f"{work.source}: the first of its {picture.frames} frames is enlarged")
    try:
        made = enlarged(upscaler, picture)
    except (VisionfwError, MemoryError) as error:
        raise ImageError(work.source, brief(error) if isinstance(error, VisionfwError) else "there is not enough memory to enlarge it") from error
    work.target.parent.mkdir(parents=True, exist_ok=True)
    write_picture(work.target, made)


def enlarged(upscaler: Upscaler | DiffusionSampler, picture: Picture) -> Picture:
    """Return a picture enlarged; transparency by bicubic."""
    alpha = picture.alpha
    if alpha is not None:
        most = np.iinfo(alpha.dtype).max
        alpha = np.clip(np.round(imresize(alpha.astype(np.float64), float(upscaler.scale))), 0, most).astype(alpha.dtype)
    return replace(picture, pixels=upscaler.levels(picture.pixels), alpha=alpha)
