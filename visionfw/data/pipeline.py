"""The way of patches to the device: draw, read, augment, batch; uint8 all the way, through tf.data where TensorFlow is the backend."""

from __future__ import annotations

import itertools
import math
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from visionfw.data.augmentation import Augmentation
from visionfw.data.patches import PatchSource

_ALIGNMENT = 64  # bytes
_BYTES_AT_ONCE = 2**24
_BATCHES_AHEAD = 64  # what is made before it is trained on, at most
_WAITING = 4  # batches that lie ready for the device

Batch = tuple[np.ndarray, np.ndarray]


class Sampler(Protocol):
    """What a feed asks of a sampler."""

    score: str | None

    def draw(self, k: int) -> np.ndarray: ...

    def state(self) -> dict[str, Any]: ...


@dataclass
class BatchSource:
    """Batches without end, each made from its number and the seed alone, once the rounds' patches are drawn.

    Attributes:
        source: the patches.
        sampler: draws the patches: `draw` (number of patches -> patch numbers) and `state`. Of one that learns from scores (its `score`
            is not None) a round is drawn only once it is opened; whoever asks earlier waits.
        batch_size: patches a batch.
        round_steps: batches a round; patches are drawn once a round, in order.
        augmentation: what is done to a batch.
        seed: of the augmentation.
        first_round: the round that the sampler stands before; to go on later, give one that was restored to the start of a round.
    """

    source: PatchSource
    sampler: Sampler
    batch_size: int
    round_steps: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    first_round: int = 0

    def __post_init__(self) -> None:
        self._rounds: dict[int, np.ndarray] = {}
        self._states: dict[int, dict[str, Any]] = {}
        self._drawn = self.opened = self.first_round
        self._is_closed = False
        self._remembered = 4 + _BATCHES_AHEAD // self.round_steps
        self._changed = threading.Condition()

    def open(self, round_number: int) -> None:
        """Let a round be drawn: the sampler has learned all that it is to know by then."""
        with self._changed:
            self.opened = round_number
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer for a round that will not come."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def numbers(self, batch: int) -> np.ndarray:
        """Return the patch numbers of a batch, (batch_size,); rounds are drawn in order, and the last few are remembered.

        Raises:
            ValueError: the batch's round was left behind, lies before the first, or will not come.
        """
        number, step = divmod(batch, self.round_steps)
        return self.round(number)[step]

    def round(self, number: int) -> np.ndarray:
        """Return the patch numbers of a round, (round_steps, batch_size). Raises ValueError as `numbers` does."""
        with self._changed:
            if self.sampler.score is not None:
                self._changed.wait_for(lambda: number <= self.opened or self._is_closed)
                if number > self.opened:
                    raise ValueError(f"round {number} will not come: the feed is closed")
            while self._drawn <= number:
                self._states[self._drawn] = self.sampler.state()
                self._rounds[self._drawn] = self.sampler.draw(self.round_steps * self.batch_size).reshape(self.round_steps, self.batch_size)
                self._rounds.pop(self._drawn - self._remembered, None)
                self._drawn += 1
            if number not in self._rounds:
                raise ValueError(f"round {number} was left behind; the feed stands at round {self._drawn - 1}")
            return self._rounds[number]

    def state_before(self, round_number: int) -> dict[str, Any]:
        """Return the sampler's state as it was before a round was drawn; those of earlier rounds are forgotten."""
        with self._changed:
            self._states = {number: state for number, state in self._states.items() if number >= round_number}
            return self._states[round_number] if round_number in self._states else self.sampler.state()

    def batch(self, number: int) -> Batch:
        """Return a batch by its number: lr, (batch, patch, patch, 3), and hr, (batch, patch x scale, patch x scale, 3), uint8."""
        lr, hr = self.several(number, 1)
        return lr[0], hr[0]

    def chunk(self, number: int) -> tuple[int, int]:
        """Return the first batch and the count of the batches that are made at a time; none crosses the end of a round."""
        round_number, place = divmod(number, -(-self.round_steps // self.chunk_size))
        first = place * self.chunk_size
        return round_number * self.round_steps + first, min(self.chunk_size, self.round_steps - first)

    def chunk_of(self, batch: int) -> int:
        """Return the number of the helping that a batch is made in."""
        round_number, step = divmod(batch, self.round_steps)
        return round_number * -(-self.round_steps // self.chunk_size) + step // self.chunk_size

    def several(self, first: int, count: int) -> Batch:
        """Return `count` batches, from a number on, in arrays with one dimension more in front."""
        numbers = range(first, first + count)
        random = [np.random.default_rng([self.seed, 1, number]) for number in numbers]
        ids = np.concatenate([self.numbers(number) for number in numbers])
        turns = np.concatenate([self.augmentation.draw_transforms(self.batch_size, generator) for generator in random])
        lr, hr = (_aligned((len(ids), side, side, 3)) for side in self.source.sides)
        self.source.read_into(lr, hr, ids, turns)
        lr, hr = (patches.reshape(count, self.batch_size, *patches.shape[1:]) for patches in (lr, hr))
        if self.augmentation.changes_pixels:
            for place, generator in enumerate(random):
                lr[place], hr[place] = self.augmentation.apply(lr[place], hr[place], generator)
        return lr, hr

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yield batches from a number on; some are made at a time, which is faster."""
        for number in itertools.count(self.chunk_of(start)):
            first, count = self.chunk(number)
            skipped = max(0, start - first)
            yield from zip(*self.several(first + skipped, count - skipped), strict=True)

    @property
    def chunk_size(self) -> int:
        """How many batches are best made at a time: some megabytes of pixels, and never more than a round."""
        return max(1, min(_BYTES_AT_ONCE // (self.batch_size * sum(3 * side**2 for side in self.source.sides)), self.round_steps))

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(self.first_round * self.round_steps)


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Return an empty uint8 array that starts where TensorFlow can take it over without a copy."""
    size = math.prod(shape)
    pool = np.empty(size + _ALIGNMENT, np.uint8)
    start = -pool.ctypes.data % _ALIGNMENT
    return pool[start : start + size].reshape(shape)


def given(lr, hr, both: bool):
    """Return (x, y) as Keras' fit takes them: y is the HR patches, x the LR ones, or with `both` a dictionary of the two, for noise to be put in."""
    return ({"lr": lr, "hr": hr} if both else lr), hr


def as_rounds(feed: BatchSource, start: int, part: slice = slice(None), both: bool = False):
    """Return a feed as a keras.utils.PyDataset as long as a round, for the backends that do without tf.data.

    Args:
        feed: the batches; a pass over the dataset is the round that was opened last.
        start: number of the first batch; the dataset is as long as the rest of its round.
        part: which patches of each batch are handed out, where several processes share it.
        both: see `given`.
    """
    import keras

    first_round, skipped = divmod(start, feed.round_steps)

    class Rounds(keras.utils.PyDataset):
        def __len__(self):
            return feed.round_steps - skipped

        def __getitem__(self, place):
            if place == 0:  # Keras looks at the first batch more than once
                first = feed.opened * feed.round_steps
                numbers = range(first + (skipped if feed.opened == first_round else 0), first + feed.round_steps)
                self.batches = _ahead(feed.batch(number) for number in numbers)
            return given(*(patches[part] for patches in next(self.batches)), both)

    return Rounds()


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield batches that a thread makes while the device computes."""
    with ThreadPoolExecutor(1) as worker:
        waiting = deque(worker.submit(next, batches, None) for _ in range(_WAITING))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(worker.submit(next, batches, None))
            yield batch


def as_dataset(feed: BatchSource, start: int | None = None, both: bool = False):
    """Return a feed as a tf.data.Dataset of uint8 batches, made ahead on threads of its own.

    Some batches are made at a time, because each call of Python costs tf.data half a millisecond. Not `Dataset.from_generator`:
    TensorFlow's generator op makes malloc give every freed block back to the system, for the whole process, which slows down every
    training step on a CPU.

    Args:
        feed: the batches.
        start: number of the first one; the first of the feed's first round unless given.
        both: see `given`.
    """
    import tensorflow as tf

    start = feed.first_round * feed.round_steps if start is None else start
    shapes = [(None, feed.batch_size, side, side, 3) for side in feed.source.sides]
    first = feed.chunk_of(start)

    def make(number):
        made = tf.numpy_function(lambda number: feed.several(*feed.chunk(int(number))), [number], (tf.uint8, tf.uint8), stateful=False)
        return given(*(tf.ensure_shape(tensor, shape) for tensor, shape in zip(made, shapes, strict=True)), both)

    several = tf.data.Dataset.counter(first).map(make, num_parallel_calls=1, deterministic=True)
    return several.unbatch().skip(start - feed.chunk(first)[0]).prefetch(_WAITING)
