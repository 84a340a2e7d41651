"""The way of patches to the device: draw, read, augment, batch; through tf.data where TensorFlow is the backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from visionfw.data.augment import dihedral
from visionfw.data.patches import PatchSource
from visionfw.numerics import LUMA_COEFFICIENTS, LUMA_OFFSET

Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Feed:
    """Batches without end, reproducible from the seed.

    Attributes:
        source: the patches.
        draw: a sampler's draw: number of patches -> patch numbers.
        batch_size: patches a batch.
        round_steps: batches a round; patches are drawn once a round.
        colour: 'rgb', or 'y' for luma alone.
        seed: of the augmentation.
    """

    source: PatchSource
    draw: Callable[[int], np.ndarray]
    batch_size: int
    round_steps: int
    colour: str = "rgb"
    seed: int = 0

    def __iter__(self) -> Iterator[Batch]:
        """Yield (lr, hr) batches, float32 in [0, 1]."""
        random = np.random.default_rng([self.seed, 1])
        while True:
            numbers = self.draw(self.round_steps * self.batch_size)
            for ids in numbers.reshape(self.round_steps, self.batch_size):
                which = random.integers(8, size=self.batch_size)
                lr, hr = (dihedral(patches, which) for patches in self.source.read(ids))
                yield self._floats(lr), self._floats(hr)

    def _floats(self, patches: np.ndarray) -> np.ndarray:
        if self.colour == "rgb":
            return patches.astype(np.float32) * np.float32(1 / 255)
        weights = np.array(LUMA_COEFFICIENTS, np.float32) / np.float32(255**2)
        return (patches.astype(np.float32) @ weights + np.float32(LUMA_OFFSET / 255))[..., None]


def as_dataset(feed: Feed):
    """Return a feed as a tf.data.Dataset, prefetched on its own thread.

    Not `Dataset.from_generator`: TensorFlow's generator op makes malloc give every freed block back to the system, for the whole
    process, which slows down every training step on a CPU.
    """
    import tensorflow as tf

    channels = 1 if feed.colour == "y" else 3
    side = feed.source.patch_size
    shapes = [(feed.batch_size, size, size, channels) for size in (side, side * feed.source.scale)]
    batches = iter(feed)

    def next_batch(_):
        made = tf.numpy_function(lambda: next(batches), [], (tf.float32, tf.float32), stateful=True)
        return tuple(tf.ensure_shape(tensor, shape) for tensor, shape in zip(made, shapes, strict=True))

    return tf.data.Dataset.counter().map(next_batch).prefetch(4)
