"""Sets of images by name or folder, and which low-resolution file belongs to which image."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from visionfw.errors import RequestError, nearest
from visionfw.imaging.files import SUFFIXES
from visionfw.paths import user_path

#: Photographs inside scikit-image's wheel, all CC0 or in the public domain (its `skimage.data` says so for each).
EMBEDDED = {
    "embedded/train": ("brick.png", "camera.png", "coffee.png", "coins.png", "grass.png", "gravel.png", "moon.png", "rocket.jpg"),
    "embedded/test": ("astronaut.png", "chelsea.png"),
}


@dataclass(frozen=True)
class ImageSet:
    """Images by path.

    Attributes:
        name: what it was asked for by.
        hr: the high-resolution images, sorted by name.
        lr: the low-resolution image of each (which need not be there), or None where they are made by shrinking.
        others: files beside the high-resolution images that are no images by their names.
    """

    name: str
    hr: tuple[Path, ...]
    lr: tuple[Path, ...] | None = None
    others: tuple[str, ...] = ()

    def pairs(self, use_lr: bool = True) -> list[tuple[Path, Path | None]]:
        """Return each HR file with its LR file, or with None where LR images are to be made."""
        return [(hr, lr) for hr, lr in zip(self.hr, self.lr if use_lr and self.lr else [None] * len(self.hr), strict=True)]


def data_root(given: str | None) -> Path:
    """Return the folder that data names are looked up in: the given one, $VISIONFW_DATA, or the working directory."""
    root = user_path(given or os.environ.get("VISIONFW_DATA") or ".")
    if not root.is_dir():
        source = "--data_root" if given else "$VISIONFW_DATA"
        raise RequestError(f"{source}: no folder {root}")
    return root


def find_sets(names: str, root: str | None = None, scale: int = 4) -> list[ImageSet]:
    """Find image sets.

    Args:
        names: one name or folder, or several joined by commas. 'embedded/train' and 'embedded/test' are always there.
        root: folder that names are looked up in.
        scale: which LR images belong to the set.

    Raises:
        RequestError: no such set (the nearest is named), or it holds no images.
    """
    parts = [part.strip() for part in names.split(",") if part.strip()]
    if not parts:
        raise RequestError("no data set is named")
    data_root(root)
    return [_find_set(part, root, scale) for part in parts]


def list_sets(root: str | None = None) -> list[str]:
    """Return the names of all sets that can be named: the embedded ones, and every folder of images under the root."""
    return [*EMBEDDED, *sorted(_folders_of_images(data_root(root)))]


def _find_set(name: str, root: str | None, scale: int) -> ImageSet:
    if name in EMBEDDED:
        return ImageSet(name, tuple(_embedded_folder() / file for file in EMBEDDED[name]))
    folder = next((path for path in (data_root(root) / name, user_path(name)) if path.is_dir()), None)
    if folder is None:
        there = list_sets(root)
        near = nearest(name, there)
        hint = f"did you mean {near!r}?" if near else "there is " + ", ".join(there[:12])
        raise RequestError(f"no data set {name!r} under {data_root(root)}; {hint}")
    return _read_folder(name, folder, scale)


def _embedded_folder() -> Path:
    """Return where scikit-image keeps its photographs, without importing it."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise RequestError("the embedded photographs come with scikit-image, which is not installed: pip install scikit-image")
    return Path(spec.submodule_search_locations[0]) / "data"


def _read_folder(name: str, folder: Path, scale: int) -> ImageSet:
    hr_folder, lr_folder = _halves(folder, scale)
    hr = tuple(_images_in(hr_folder))
    if not hr:
        inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        hint = f"; its folders are {', '.join(inside[:8])}" if inside else ""
        raise RequestError(f"data set {name!r}: no images ({', '.join(SUFFIXES)}) in {hr_folder}{hint}")
    images = {path.name for path in hr}
    others = tuple(sorted(path.name for path in hr_folder.iterdir() if path.name not in images and not path.is_dir() and not path.name.startswith(".")))
    return ImageSet(name, hr, _pair(hr, lr_folder, scale) if lr_folder.is_dir() else None, others)


def unpaired_lr(images: ImageSet) -> list[Path]:
    """Return the LR files beside a set's that belong to none of its HR images."""
    if not images.lr:
        return []
    folder = images.lr[0].parent
    return sorted(set(_images_in(folder)) - set(images.lr)) if folder.is_dir() else []


def _halves(folder: Path, scale: int) -> tuple[Path, Path]:
    """Return where a set's HR and LR images stand: HR/ and LR_bicubic/X4/, DIV2K's own folders, or the folder itself."""
    if (folder / "HR").is_dir():
        hr, stem = folder / "HR", "LR"
    else:
        inner = sorted(path for path in folder.glob("*_train_HR") if path.is_dir())
        hr = inner[0] if inner else folder
        stem = f"{hr.name.removesuffix('_HR')}_LR" if hr.name.endswith("_HR") else ""
    beside = hr.parent if stem else hr
    choices = [beside / f"{stem or 'LR'}_{made}" / f"X{scale}" for made in ("bicubic", "degraded")]
    return hr, next((choice for choice in choices if choice.is_dir()), choices[0])


def _images_in(folder: Path) -> Iterator[Path]:
    """Yield what is called an image in a folder, whatever it is, but for folders."""
    return (path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir())


def _pair(hr: tuple[Path, ...], folder: Path, scale: int) -> tuple[Path, ...]:
    """Return the LR file of each HR file: its name with x4 behind it, or the same name; where there is none, the one that should be there."""
    by_stem = {path.stem: path for path in _images_in(folder)}
    return tuple(by_stem.get(f"{path.stem}x{scale}") or by_stem.get(path.stem) or folder / f"{path.stem}x{scale}.png" for path in hr)


def _folders_of_images(root: Path, depth: int = 3) -> Iterator[str]:
    """Yield the folders under a root that hold images or HR/, as names under it."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if (folder / "run.json").exists():  # a run's pictures are no data
            continue
        if any(True for inner in (folder, folder / "HR") if inner.is_dir() for _ in _images_in(inner)):
            yield folder.name
        elif depth > 1:
            yield from (f"{folder.name}/{name}" for name in _folders_of_images(folder, depth - 1))
