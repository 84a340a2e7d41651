"""Training batches: a sampler draws patch numbers a round at a time, and the patches are read and augmented, as uint8."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count as count_up
from typing import Any, Protocol

import numpy as np

from visionfw.data.augmentation import Augmentation
from visionfw.data.patches import PatchSource

_ALIGNMENT = 64  # bytes
_CHUNK_BYTES = 2**24
#: Most batches that are made ahead of the training step; rounds are kept for as long.
_MAX_AHEAD = 64

Batch = tuple[np.ndarray, np.ndarray]


class Sampler(Protocol):
    """What a batch source needs of a sampler."""

    score: str | None

    def draw(self, k: int) -> np.ndarray: ...

    def update(self, ids: np.ndarray, scores: np.ndarray) -> None: ...

    def state(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Chunks:
    """Batches that are made together, which is faster than one by one. No chunk crosses the end of a round.

    Attributes:
        round_steps: batches a round.
        size: batches a chunk; the last one of a round may have fewer.
    """

    round_steps: int
    size: int

    @property
    def _per_round(self) -> int:
        return -(-self.round_steps // self.size)

    def batches(self, chunk: int) -> range:
        """Return the numbers of the batches in a chunk."""
        round_number, place = divmod(chunk, self._per_round)
        first = place * self.size
        start = round_number * self.round_steps
        return range(start + first, start + min(first + self.size, self.round_steps))

    def chunk_of(self, batch: int) -> int:
        """Return the number of the chunk that a batch is in."""
        round_number, step = divmod(batch, self.round_steps)
        return round_number * self._per_round + step // self.size


@dataclass
class BatchSource:
    """Batches without end. Once a round's patches are drawn, each batch is made from its number and the seed alone.

    Attributes:
        source: the patches.
        sampler: draws the patches of a round. The next round of one that learns from scores (its `score` is not None) is drawn only
            once that round is released; whoever reads it earlier waits.
        batch_size: patches a batch.
        round_steps: batches a round; patches are drawn once a round, in order.
        augmentation: what is done to a batch.
        seed: of the augmentation.
        first_round: the round that the sampler draws next; to continue a run, give a sampler that was restored to the start of a round.
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
        self._next_round = self.released = self.first_round
        self._is_closed = False
        self._kept_rounds = 4 + _MAX_AHEAD // self.round_steps
        self._changed = threading.Condition()
        batch_bytes = self.batch_size * sum(3 * side**2 for side in self.source.sides)
        self.chunks = Chunks(self.round_steps, max(1, min(_CHUNK_BYTES // batch_bytes, self.round_steps)))

    def release_round(self, number: int) -> None:
        """Allow a round to be drawn: the sampler has learned all that it can by then."""
        with self._changed:
            self.released = number
            self._changed.notify_all()

    def close(self) -> None:
        """End the waiting for rounds that will not be released any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def ids_of_round(self, number: int) -> np.ndarray:
        """Return the patch numbers of a round, (round_steps, batch_size). Rounds are drawn in order, and the last few are kept.

        Raises:
            ValueError: the round is no longer kept, lies before the first, or will not be released.
        """
        with self._changed:
            if self.sampler.score is not None:
                self._changed.wait_for(lambda: number <= self.released or self._is_closed)
                if number > self.released:
                    raise ValueError(f"round {number} will not be released: the batch source is closed")
            while self._next_round <= number:
                self._draw_round()
            if number not in self._rounds:
                raise ValueError(f"round {number} is no longer kept; the last one that was drawn is round {self._next_round - 1}")
            return self._rounds[number]

    def _draw_round(self) -> None:
        number = self._next_round
        self._states[number] = self.sampler.state()
        self._rounds[number] = self.sampler.draw(self.round_steps * self.batch_size).reshape(self.round_steps, self.batch_size)
        self._rounds.pop(number - self._kept_rounds, None)
        self._next_round += 1

    def state_before(self, number: int) -> dict[str, Any]:
        """Return the sampler's state from before a round was drawn; the states of earlier rounds are forgotten."""
        with self._changed:
            self._states = {other: state for other, state in self._states.items() if other >= number}
            return self._states[number] if number in self._states else self.sampler.state()

    def read(self, first: int, count: int = 1) -> Batch:
        """Make batches by their numbers.

        Args:
            first: number of the first batch.
            count: how many.

        Returns:
            lr, (count, batch, patch, patch, 3), and hr, (count, batch, patch x scale, patch x scale, 3), uint8.

        Raises:
            ValueError: as `ids_of_round`.
        """
        numbers = range(first, first + count)
        random = [np.random.default_rng([self.seed, 1, number]) for number in numbers]
        ids = np.concatenate([self.ids_of_round(number // self.round_steps)[number % self.round_steps] for number in numbers])
        transforms = np.concatenate([self.augmentation.draw_transforms(self.batch_size, generator) for generator in random])
        lr, hr = (_empty_aligned((len(ids), side, side, 3)) for side in self.source.sides)
        self.source.read_into(lr, hr, ids, transforms)
        lr, hr = (patches.reshape(count, self.batch_size, *patches.shape[1:]) for patches in (lr, hr))
        if self.augmentation.changes_pixels:
            for place, generator in enumerate(random):
                lr[place], hr[place] = self.augmentation.apply(lr[place], hr[place], generator)
        return lr, hr

    def iterate(self, start: int | None = None) -> Iterator[Batch]:
        """Yield batches, lr and hr, from a number on; None for the first batch of the first round."""
        start = self.first_round * self.round_steps if start is None else start
        for chunk in count_up(self.chunks.chunk_of(start)):
            batches = [number for number in self.chunks.batches(chunk) if number >= start]
            yield from zip(*self.read(batches[0], len(batches)), strict=True)

    def __iter__(self) -> Iterator[Batch]:
        return self.iterate()


def _empty_aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Return an empty uint8 array that starts where TensorFlow can use it without a copy."""
    size = math.prod(shape)
    pool = np.empty(size + _ALIGNMENT, np.uint8)
    start = -pool.ctypes.data % _ALIGNMENT
    return pool[start : start + size].reshape(shape)
