"""Patches of noise in the place of images that were not decoded: for timing, and for a dry run."""

from __future__ import annotations

import numpy as np

from visionfw.data.cache.store import Store
from visionfw.data.patches import PatchSource

_DISTINCT = 64


class NoisePatches(PatchSource):
    """As many patches as the images of a store without pixels have, each of them uniform noise; patches repeat after some.

    Args:
        store, patch_size, stride: as in `PatchSource`.
    """

    def __init__(self, store: Store, patch_size: int = 24, stride: int | None = None):
        super().__init__(store, patch_size, stride)
        random = np.random.default_rng(0)
        self._lr, self._hr = (random.integers(0, 256, (_DISTINCT, side, side, 3), np.uint8) for side in self.sides)

    def read_into(self, lr: np.ndarray, hr: np.ndarray, ids: np.ndarray, transforms: np.ndarray | None = None) -> None:
        """Fill arrays with the patches of some numbers; flips and rotations of noise are noise, and are left out."""
        places = np.asarray(ids) % _DISTINCT
        np.take(self._lr, places, axis=0, out=lr)
        np.take(self._hr, places, axis=0, out=hr)
