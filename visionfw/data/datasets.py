"""Sets of images by name or folder, and which low-resolution file belongs to which image."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visionfw.errors import RequestError, VisionfwError, nearest
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import SUFFIXES
from visionfw.io.files import read_json
from visionfw.io.paths import user_path

#: Says beside LR images how they were made.
NOTE = "degradation.json"

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
        lr: the low-resolution image of each in LR_bicubic (which need not be there), or None where there is no such folder.
        degraded: the same in LR_degraded, whose note says how they were made.
        others: files beside the high-resolution images that are no images by their names.
        rescale: what the size of its images is multiplied with before they are used.
    """

    name: str
    hr: tuple[Path, ...]
    lr: tuple[Path, ...] | None = None
    degraded: tuple[Path, ...] | None = None
    others: tuple[str, ...] = ()
    rescale: float = 1.0

    def pairs(self, how: Degradation | None = None) -> list[tuple[Path, Path | None]]:
        """Return each HR file with its LR file, or with None where LR images are to be made.

        Args:
            how: the degradation that is asked for; LR files that were made by another one are not used. Any will do unless given.

        Raises:
            RequestError: the set's own LR images were made by another degradation than bicubic, and bicubic is asked for.
        """
        return list(zip(self.hr, self.given(how) or [None] * len(self.hr), strict=True))

    def given(self, how: Degradation | None = None) -> tuple[Path, ...] | None:
        """Return the LR files that belong to a degradation, or None. Raises RequestError as `pairs` does."""
        if how is None:
            return self.lr or self.degraded
        if self.lr and how.is_bicubic:
            return self.lr
        made = degradation_of(self.degraded[0].parent) if self.degraded else None
        if made == (str(how), how.seed):
            return self.degraded
        if made and how.is_bicubic:
            asked = f"--degradation={made[0]}" + (f" --degradation_seed={made[1]}" if made[1] else "")
            raise RequestError(f"data set {self.name!r}: its LR images were not made by bicubic; {asked} uses them")
        return None

    def told(self, how: Degradation) -> list[str]:
        """Return a line where the set's own LR images are used."""
        given = self.given(how)
        return [f"{self.name}: LR images as given in {given[0].parent}"] if given else []


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
        if user_path(name).is_file() or (data_root(root) / name).is_file():
            raise RequestError(f"data set {name!r} is a file; name its folder")
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
    hr_folder, *lr_folders = _parts(folder, scale)
    hr = tuple(_images_in(hr_folder))
    if not hr:
        inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".") and path != hr_folder)
        hint = f"; its folders are {', '.join(inside[:8])}" if inside else ""
        raise RequestError(f"data set {name!r}: no images ({', '.join(SUFFIXES)}) in {hr_folder}{hint}")
    images = {path.name for path in hr}
    others = tuple(sorted(path.name for path in hr_folder.iterdir() if path.name not in images and not path.is_dir() and not path.name.startswith(".")))
    given = (_pair(hr, lr_folder, scale) if lr_folder.is_dir() else None for lr_folder in lr_folders)
    return ImageSet(name, hr, *given, others)


def fewer(sets: Sequence[ImageSet], count: int, seed: int = 0) -> list[ImageSet]:
    """Return sets that have `count` images together, drawn by a seed; all where there are no more."""
    places = [(number, place) for number, images in enumerate(sets) for place in range(len(images.hr))]
    if count >= len(places):
        return list(sets)
    kept = sorted(np.random.default_rng(seed).choice(len(places), count, replace=False))
    found = []
    for number, images in enumerate(sets):
        own = [places[index][1] for index in kept if places[index][0] == number]
        chosen = {
            key: tuple(files[place] for place in own) if files else files
            for key, files in (("hr", images.hr), ("lr", images.lr), ("degraded", images.degraded))
        }
        found += [replace(images, **chosen)] if own else []
    return found


def rescaled(sets: Sequence[ImageSet], factors: Sequence[float]) -> list[ImageSet]:
    """Return sets once more at each of some sizes, those alone that bring no LR images: LR images of another size have to be made."""
    return [
        replace(images, name=f"{images.name} at {factor:g}", rescale=factor)
        for factor in factors
        for images in sets
        if images.lr is None and images.degraded is None
    ]


def unpaired_lr(images: ImageSet) -> list[Path]:
    """Return the LR files beside a set's that belong to none of its HR images."""
    given = images.given()
    return sorted(set(_images_in(given[0].parent)) - set(given)) if given else []


def unused_folders(images: ImageSet) -> list[Path]:
    """Return folders beside a set's HR images that look like LR images and are not used."""
    hr = images.hr[0].parent
    beside = hr.parent if hr.name == "HR" or hr.name.endswith("_HR") else hr
    used = {given[0].parent for given in (images.lr, images.degraded) if given}
    named = (path for path in beside.iterdir() if path.is_dir() and "LR" in path.name.upper() and path != hr)
    return sorted(path for path in named if not any(path == folder or path in folder.parents for folder in used))


def degradation_of(folder: Path) -> tuple[str, int] | None:
    """Return how the LR images of a folder were made and the seed, as its note says; None where it has none. Raises VisionfwError."""
    note = folder / NOTE
    if not note.is_file():
        return None
    found = read_json(note)
    if not isinstance(found.get("degradation"), str) or not isinstance(found.get("seed"), int):
        raise VisionfwError(f"{note}: is damaged: it does not say the degradation and the seed")
    return found["degradation"], found["seed"]


def _parts(folder: Path, scale: int) -> tuple[Path, Path, Path]:
    """Return where a set's HR, bicubic and degraded images stand: HR/, LR_bicubic/X4/, LR_degraded/X4/, DIV2K's folders, or the folder itself."""
    if (folder / "HR").is_dir():
        hr, stem = folder / "HR", "LR"
    else:
        inner = sorted(path for path in folder.glob("*_train_HR") if path.is_dir())
        hr = inner[0] if inner else folder
        stem = f"{hr.name.removesuffix('_HR')}_LR" if hr.name.endswith("_HR") else ""
    beside = hr.parent if stem else hr
    bicubic, degraded = (beside / f"{stem or 'LR'}_{made}" / f"X{scale}" for made in ("bicubic", "degraded"))
    return hr, bicubic, degraded


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
