"""Which training images are in a test set: the same picture, or one that is cut from the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visionfw.backend.devices import processors
from visionfw.data.audit.crops import find_crops
from visionfw.data.audit.near_duplicates import alike, signature, stacked
from visionfw.data.datasets import ImageSet
from visionfw.imaging.files import ImageError, read_image
from visionfw.io.progress import ProgressCallback


@dataclass(frozen=True)
class Leak:
    """A training image and the test image that it shows."""

    train: Path
    test: Path
    how: str


def signatures_of(images: ImageSet) -> np.ndarray:
    """Return what a set's images are recognized by, (images, values); zeros, which are like nothing, for one that cannot be read."""

    def of(path: Path) -> np.ndarray:
        try:
            return signature(read_image(path))
        except ImageError:
            return signature(np.zeros((1, 1, 3), np.uint8))

    with ThreadPoolExecutor(processors()) as workers:
        return stacked(list(workers.map(of, images.hr)))


def leaks(train: Sequence[ImageSet], test: ImageSet, progress: ProgressCallback | None = None) -> list[Leak]:
    """Find the training images that show what a test image shows; each is told once, and files that cannot be read are passed over.

    Args:
        train: the sets that are trained on together.
        test: a test set.
        progress: called with (images done, images in all).
    """
    paths = [path for images in train for path in images.hr]
    ours, theirs = np.concatenate([signatures_of(images) for images in train]), signatures_of(test)
    found: dict[int, Leak] = {}
    for first, second, likeness in alike(ours, theirs):
        found.setdefault(first, Leak(paths[first], test.hr[second], f"the same picture (likeness {likeness:.3f})"))
    rest = [path for number, path in enumerate(paths) if number not in found]
    cut = [Leak(rest[crop.part], test.hr[crop.whole], f"cut from it at row {crop.row}, column {crop.column}") for crop in find_crops(rest, test.hr, progress)]
    known = {leak.train for leak in cut}
    rest = [path for path in rest if path not in known]
    cut += [
        Leak(rest[crop.whole], test.hr[crop.part], f"it is cut from it at row {crop.row}, column {crop.column}") for crop in find_crops(test.hr, rest, None)
    ]
    return [*found.values(), *{leak.train: leak for leak in cut}.values()]
