"""Training images that show a test image: the same picture, or one that is cut from the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visionfw.data.audit.crops import find_crops
from visionfw.data.audit.near_duplicates import find_matches, signature, stack_signatures
from visionfw.data.datasets import ImageSet
from visionfw.data.threads import map_in_threads
from visionfw.imaging.files import ImageError, read_image
from visionfw.io.progress import ProgressCallback


@dataclass(frozen=True)
class Leak:
    """A training image that shows a test image.

    Attributes:
        train, test: both files.
        relation: of the training image to the test image, in words.
    """

    train: Path
    test: Path
    relation: str


def find_leaks(train: Sequence[ImageSet], test: ImageSet, progress: ProgressCallback | None = None) -> list[Leak]:
    """Find the training images that show what a test image shows; each is named once, and files that cannot be read are skipped.

    Args:
        train: the sets that are trained on together.
        test: a test set.
        progress: called with (images done, images in all).
    """
    leaks = _same_pictures([path for images in train for path in images.hr], test)
    rest = _without([path for images in train for path in images.hr], leaks)
    for crop in find_crops(rest, test.hr, progress):
        leaks[rest[crop.part]] = Leak(rest[crop.part], test.hr[crop.whole], f"cut from it at row {crop.row}, column {crop.column}")
    rest = _without(rest, leaks)
    for crop in find_crops(test.hr, rest):
        leaks[rest[crop.whole]] = Leak(rest[crop.whole], test.hr[crop.part], f"it is cut from it at row {crop.row}, column {crop.column}")
    return list(leaks.values())


def _same_pictures(paths: Sequence[Path], test: ImageSet) -> dict[Path, Leak]:
    """Return the leaks of whole pictures by their training images."""
    leaks: dict[Path, Leak] = {}
    for first, second, similarity in find_matches(_signatures_of(paths), _signatures_of(test.hr)):
        leaks.setdefault(paths[first], Leak(paths[first], test.hr[second], f"the same picture (similarity {similarity:.3f})"))
    return leaks


def _without(paths: Sequence[Path], leaks: dict[Path, Leak]) -> list[Path]:
    return [path for path in paths if path not in leaks]


def _signatures_of(paths: Sequence[Path]) -> np.ndarray:
    """Return the signatures of images, (images, values); zeros, which are similar to nothing, for files that cannot be read."""
    return stack_signatures(list(map_in_threads(_signature_of, paths)))


def _signature_of(path: Path) -> np.ndarray:
    try:
        return signature(read_image(path))
    except ImageError:
        return signature(np.zeros((1, 1, 3), np.uint8))
