"""How image sets lie in folders: NAME/, NAME/HR/ beside NAME/LR_bicubic/X4/ or NAME/LR_degraded/X4/, and DIV2K's own names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from visionfw.data.datasets.image_set import ImageSet
from visionfw.errors import RequestError
from visionfw.imaging.files import SUFFIXES


def read_folder(name: str, folder: Path, scale: int) -> ImageSet:
    """Return the image set in a folder.

    Args:
        name: what users call it.
        folder: where it lies, in any of the layouts.
        scale: HR size / LR size of the LR images that belong to it.

    Raises:
        RequestError: it holds no images, or which LR image belongs to an HR image is ambiguous.
    """
    hr_folder, *lr_folders = _parts(folder, scale)
    hr = tuple(_images_in(hr_folder))
    if not hr:
        inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".") and path != hr_folder)
        hint = f"; its folders are {', '.join(inside[:8])}" if inside else ""
        raise RequestError(f"data set {name!r}: no images ({', '.join(SUFFIXES)}) in {hr_folder}{hint}")
    images = {path.name for path in hr}
    non_images = sorted(path.name for path in hr_folder.iterdir() if path.name not in images and not path.is_dir() and not path.name.startswith("."))
    try:
        lr, degraded = (_pair(hr, lr_folder, scale) if lr_folder.is_dir() else None for lr_folder in lr_folders)
    except RequestError as error:
        raise RequestError(f"data set {name!r}: {error}") from error
    return ImageSet(name, hr, lr, degraded, tuple(non_images))


def _parts(folder: Path, scale: int) -> tuple[Path, Path, Path]:
    """Return the folders of a set's HR, bicubic and degraded images."""
    if (folder / "HR").is_dir():
        hr, stem = folder / "HR", "LR"
    else:
        inner = sorted(path for path in folder.glob("*_train_HR") if path.is_dir())
        hr = inner[0] if inner else folder
        stem = f"{hr.name.removesuffix('_HR')}_LR" if hr.name.endswith("_HR") else ""
    parent = hr.parent if stem else hr
    bicubic, degraded = (parent / f"{stem or 'LR'}_{kind}" / f"X{scale}" for kind in ("bicubic", "degraded"))
    return hr, bicubic, degraded


def _images_in(folder: Path) -> Iterator[Path]:
    """Yield what has the suffix of an image in a folder, whatever it is, but for folders."""
    return (path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir())


def _pair(hr: Sequence[Path], folder: Path, scale: int) -> tuple[Path, ...]:
    """Return the LR file of each HR file; where there is none, the one that should be there.

    Raises:
        RequestError: two LR files suit an HR file, or one suits two HR files.
    """
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for path in _images_in(folder):
        by_stem[path.stem].append(path)
    stems = [path.stem for path in hr]
    hr_of: dict[Path, Path] = {}
    for path in hr:
        lr = _lr_file(path, by_stem, folder, scale, is_stem_shared=stems.count(path.stem) > 1)
        other = hr_of.setdefault(lr, path)
        if other != path:
            raise RequestError(f"{other.name} and {path.name} would both be paired with the LR image {lr}; rename one of them and its LR image")
    return tuple(hr_of)


def _lr_file(hr: Path, by_stem: dict[str, list[Path]], folder: Path, scale: int, is_stem_shared: bool) -> Path:
    """Return the LR file of one HR file: its name with x4 behind it, or the same name, with its own suffix or the only one there is."""
    for stem in (f"{hr.stem}x{scale}", hr.stem):
        candidates = by_stem[stem]
        own = [path for path in candidates if path.suffix.lower() == hr.suffix.lower()]
        suitable = own if own or is_stem_shared else candidates
        if len(suitable) > 1:
            raise RequestError(f"{hr.name} could be paired with {suitable[0].name} and with {suitable[1].name} in {folder}; remove one of them")
        if suitable:
            return suitable[0]
    return folder / f"{hr.stem}x{scale}{hr.suffix if is_stem_shared else '.png'}"


def unpaired_lr(images: ImageSet) -> list[Path]:
    """Return the LR files in a set's folder that belong to none of its HR images."""
    files = images.lr_files()
    return sorted(set(_images_in(files[0].parent)) - set(files)) if files else []


def unused_folders(images: ImageSet) -> list[Path]:
    """Return folders beside a set's HR images that seem to hold LR images and are not used."""
    hr = images.hr[0].parent
    parent = hr.parent if hr.name == "HR" or hr.name.endswith("_HR") else hr
    used = {files[0].parent for files in (images.lr, images.degraded) if files}
    named = (path for path in parent.iterdir() if path.is_dir() and "LR" in path.name.upper() and path != hr)
    return sorted(path for path in named if not any(path == folder or path in folder.parents for folder in used))


def folders_of_images(root: Path, depth: int = 3) -> Iterator[str]:
    """Yield the folders under a root that hold images or HR/, as names below it; folders of runs are left out."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if (folder / "run.json").exists():
            continue
        if any(True for inner in (folder, folder / "HR") if inner.is_dir() for _ in _images_in(inner)):
            yield folder.name
        elif depth > 1:
            yield from (f"{folder.name}/{name}" for name in folders_of_images(folder, depth - 1))
