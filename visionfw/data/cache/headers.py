"""What a store would hold, from the headers of the images alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from visionfw.backend.devices import processors
from visionfw.data.cache.store import Store
from visionfw.data.cache.writer import DecodeOptions, place_images
from visionfw.data.datasets import ImageSet


def store_without_pixels(images: ImageSet, options: DecodeOptions) -> Store:
    """Return the store of a set without its pixels: paths, sizes, notes, and which files have no readable header.

    Args:
        images: the set.
        options: what the images would be decoded to.
    """
    with ThreadPoolExecutor(processors()) as workers:
        slots, skipped = place_images(images, options, workers)
    hr_files = [hr for hr, _ in images.pairs(options.degradation)]
    nothing = np.zeros(0, np.uint8)
    return Store(
        paths=tuple(slot.hr for slot in slots),
        sizes=np.array([slot.size for slot in slots], np.int64).reshape(-1, 2),
        offsets=np.array([slot.offset for slot in slots], np.int64),
        parts=np.zeros(len(slots), np.int64),
        lr=(nothing,),
        hr=(nothing,),
        scale=options.scale,
        skipped=tuple((hr_files[number], reason) for number, reason in sorted(skipped.items())),
        format_notes=tuple(tuple(slot.format_notes) for slot in slots),
    )
