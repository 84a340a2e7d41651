"""Upscale image files of any kind into files of the same kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visionfw.backend.memory import free_bytes, is_out_of_memory
from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.imaging.files import SUFFIXES, Header, ImageError, max_side
from visionfw.imaging.pictures import Picture, read_picture, write_picture
from visionfw.imaging.resize import imresize
from visionfw.inference import ImageUpscaler
from visionfw.io.paths import user_path

Log = Callable[[str], None]
Progress = Callable[[int, int], None]

_BYTES_PER_SAMPLE = 8  # of an upscaled pixel while it is computed and encoded: some copies of its channels


@dataclass(frozen=True)
class ImageJob:
    """One file to upscale, and the file to write."""

    source: Path
    target: Path


def find_jobs(images: str, out: str) -> list[ImageJob]:
    """Find the images to upscale.

    Args:
        images: files and folders joined by commas; folders are searched to any depth, and files keep their place in them below `out`.
        out: the folder to write.

    Raises:
        RequestError: there are no images, two of them would become one file, or one would overwrite itself.
    """
    folder = user_path(out)
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"--out={out}: is a file; name a folder")
    jobs = [job for source in _sources(images) for job in _jobs_of(source, folder)]
    if not jobs:
        raise RequestError(f"--images={images}: holds no images ({', '.join(SUFFIXES)})")
    source_of: dict[Path, Path] = {}
    for job in jobs:
        if job.target in source_of:
            raise RequestError(f"--images: {source_of[job.target]} and {job.source} would both become {job.target}; upscale them into two folders")
        if job.target.name == job.source.name and job.target.parent.resolve() == job.source.parent.resolve():
            raise RequestError(f"--out={out}: {job.source} would be overwritten by its own result; name another folder")
        source_of[job.target] = job.source
    return jobs


def _sources(images: str) -> list[Path]:
    """Split files and folders joined by commas; a comma may also be part of a name."""
    single = user_path(images)
    return [single] if single.exists() else [user_path(part.strip()) for part in images.split(",") if part.strip()]


def _jobs_of(source: Path, out: Path) -> Iterator[ImageJob]:
    if source.is_dir():
        yield from (ImageJob(path, out / path.relative_to(source)) for path in _images_below(source, out))
    elif source.is_file() or source.is_symlink():
        yield ImageJob(source, out / source.name)
    else:
        raise RequestError(f"--images: there is no {source}")


def _images_below(folder: Path, out: Path) -> Iterator[Path]:
    """Yield a folder's images at any depth, links followed, without hidden ones and without those in `out` where it lies inside the folder."""
    out = out.resolve()
    skipped = {out} if folder.resolve() in out.parents else set()
    for directory, folders, files in os.walk(folder, followlinks=True):
        place = Path(directory).resolve()
        if place in skipped:
            folders.clear()
            continue
        skipped.add(place)  # a link may lead back to it
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(directory, name) for name in sorted(files) if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."))


def upscale_files(upscaler: ImageUpscaler, jobs: Sequence[ImageJob], overwrite: bool, log: Log, progress: Progress) -> str:
    """Upscale files one by one. One that fails is reported and skipped; files that exist are kept.

    Args:
        upscaler: the model.
        jobs: what `find_jobs` returned.
        overwrite: replace files that exist.
        log: called with one line for each file that is not simply upscaled.
        progress: called with (files done, files in all).

    Returns:
        How many were upscaled and kept, in words.

    Raises:
        VisionfwError: some files could not be upscaled (after all others were), or the disk is full.
    """
    upscaled = kept = failed = 0
    for done, job in enumerate(jobs, 1):
        if job.target.exists() and not overwrite:
            kept += 1
        else:
            try:
                upscale_file(upscaler, job, log)
                upscaled += 1
            except ImageError as error:
                log(f"skipped: {error}")
                failed += 1
        progress(done, len(jobs))
    summary = f"{upscaled} image{'' if upscaled == 1 else 's'} upscaled" + (f", {kept} existed already (--overwrite replaces them)" if kept else "")
    if failed:
        raise VisionfwError(f"{summary}; {failed} of {len(jobs)} failed (each is named above)")
    return summary


def upscale_file(upscaler: ImageUpscaler, job: ImageJob, log: Log) -> None:
    """Upscale one file in its own mode: bits, transparency, palette, profile and EXIF data are kept.

    Raises:
        ImageError: it cannot be read or written, or does not fit into memory or the format.
    """
    picture = read_picture(job.source, check=lambda header: _refuse_too_large(header, job, float(upscaler.scale)))
    if picture.frames > 1:
        log(f"{job.source}: only the first of its {picture.frames} frames is upscaled")
    try:
        result = upscale_picture(upscaler, picture)
    except Exception as error:
        if isinstance(error, VisionfwError):
            raise ImageError(job.source, brief(error)) from error
        if is_out_of_memory(error):
            raise ImageError(job.source, "not enough memory to upscale it") from error
        raise
    job.target.parent.mkdir(parents=True, exist_ok=True)
    write_picture(job.target, result)


def _refuse_too_large(header: Header, job: ImageJob, scale: float) -> None:
    """Raise ImageError where the result of an image would not fit into its format or into memory."""
    side, limit = round(max(header.height, header.width) * scale), max_side(job.target)
    if limit and side > limit:
        raise ImageError(job.source, f"would be {side} pixels long, and {job.target.suffix} holds {limit}")
    needed, free = header.height * header.width * scale**2 * _BYTES_PER_SAMPLE * max(1, header.bits // 8), free_bytes()
    if needed > free:
        raise ImageError(job.source, f"upscaling it takes about {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free")


def upscale_picture(upscaler: ImageUpscaler, picture: Picture) -> Picture:
    """Return an upscaled picture; its transparency is upscaled by bicubic."""
    alpha = picture.alpha
    if alpha is not None:
        largest = np.iinfo(alpha.dtype).max
        alpha = np.clip(np.round(imresize(alpha.astype(np.float64), float(upscaler.scale))), 0, largest).astype(alpha.dtype)
    return replace(picture, pixels=upscaler.upscale_image(picture.pixels), alpha=alpha)
