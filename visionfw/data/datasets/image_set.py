"""An image set: its HR files, and the LR files that come with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.io.files import read_json

#: File beside LR images that records how they were made.
NOTE = "degradation.json"


@dataclass(frozen=True)
class ImageSet:
    """Images by path.

    Attributes:
        name: what users call it.
        hr: the HR files, sorted by name.
        lr: the LR file of each in LR_bicubic (which may be missing), or None where there is no such folder.
        degraded: the same in LR_degraded, whose note records how they were made.
        non_images: names of files beside the HR images that are no images by their suffix.
        rescale: what the size of its images is multiplied with before they are used.
    """

    name: str
    hr: tuple[Path, ...]
    lr: tuple[Path, ...] | None = None
    degraded: tuple[Path, ...] | None = None
    non_images: tuple[str, ...] = ()
    rescale: float = 1.0

    def pairs(self, degradation: Degradation | None = None) -> list[tuple[Path, Path | None]]:
        """Return each HR file with its LR file, or with None where LR images are to be made.

        Args:
            degradation: how LR images are to be made; LR files that were made in another way are not used. None for any.

        Raises:
            RequestError: they are to be made by bicubic, and the set's own LR images were made by another degradation.
        """
        return list(zip(self.hr, self.lr_files(degradation) or [None] * len(self.hr), strict=True))

    def lr_files(self, degradation: Degradation | None = None) -> tuple[Path, ...] | None:
        """Return the set's own LR files for a degradation, or None. Raises RequestError as `pairs` does."""
        if degradation is None:
            return self.lr or self.degraded
        if self.lr and degradation.is_bicubic:
            return self.lr
        note = read_note(self.degraded[0].parent) if self.degraded else None
        if note == (str(degradation), degradation.seed):
            return self.degraded
        if note and degradation.is_bicubic:
            flags = f"--degradation={note[0]}" + (f" --degradation_seed={note[1]}" if note[1] else "")
            raise RequestError(f"data set {self.name!r}: its LR images were not made by bicubic; {flags} uses them")
        return None

    def notes(self, degradation: Degradation) -> list[str]:
        """Return a line where the set's own LR files are used."""
        files = self.lr_files(degradation)
        return [f"{self.name}: LR images as given in {files[0].parent}"] if files else []


def read_note(folder: Path) -> tuple[str, int] | None:
    """Return the degradation and the seed that LR images were made with; None where their folder has no note.

    Raises:
        VisionfwError: the note is damaged.
    """
    file = folder / NOTE
    if not file.is_file():
        return None
    note = read_json(file)
    if not isinstance(note.get("degradation"), str) or not isinstance(note.get("seed"), int):
        raise VisionfwError(f"{file}: is damaged: it lacks the degradation or the seed; make the LR images again")
    return note["degradation"], note["seed"]


def limit_images(sets: Sequence[ImageSet], count: int, seed: int = 0) -> list[ImageSet]:
    """Return sets with `count` images together, drawn by a seed; all where there are no more."""
    places = [(number, place) for number, images in enumerate(sets) for place in range(len(images.hr))]
    if count >= len(places):
        return list(sets)
    drawn = sorted(np.random.default_rng(seed).choice(len(places), count, replace=False).tolist())
    limited = []
    for number, images in enumerate(sets):
        kept = [places[index][1] for index in drawn if places[index][0] == number]
        if kept:
            lr, degraded = (files and _pick(files, kept) for files in (images.lr, images.degraded))
            limited.append(replace(images, hr=_pick(images.hr, kept), lr=lr, degraded=degraded))
    return limited


def _pick(files: tuple[Path, ...], places: Sequence[int]) -> tuple[Path, ...]:
    return tuple(files[place] for place in places)


def rescaled(sets: Sequence[ImageSet], factors: Sequence[float]) -> list[ImageSet]:
    """Return sets once more at other sizes. Those that come with LR images are left out: LR images of another size must be made."""
    return [
        replace(images, name=f"{images.name} at {factor:g}", rescale=factor)
        for factor in factors
        for images in sets
        if images.lr is None and images.degraded is None
    ]


def parse_rescale(text: str, flag: str = "rescale") -> tuple[float, ...]:
    """Parse factors by which training images are also downscaled: '0.8,0.6'; '' or 'none' for none. Raises RequestError."""
    parts = [part.strip() for part in text.split(",") if part.strip() not in ("", "none")]
    try:
        factors = tuple(dict.fromkeys(float(part) for part in parts))
    except ValueError:
        factors = (0.0,)
    if not all(0 < factor < 1 for factor in factors):
        raise RequestError(f"--{flag}={text}: must be numbers between 0 and 1, joined by commas (0.8,0.6), or none")
    return factors
