"""Batches for Keras' fit: through tf.data where TensorFlow is the backend, else as a keras.utils.PyDataset."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from visionfw.data.batches import Batch, BatchSource

_PREFETCHED = 4  # batches that lie ready for the device


def as_dataset(batches: BatchSource, start: int | None = None, hr_is_input: bool = False) -> Any:
    """Return batches as a tf.data.Dataset, made ahead on threads of its own.

    Batches are made in chunks, because each call of Python costs tf.data half a millisecond. Not `Dataset.from_generator`: TensorFlow's
    generator op makes malloc give every freed block back to the system, for the whole process, which slows down every training step
    on a CPU.

    Args:
        batches: where they come from.
        start: number of the first one; the first round's first unless given.
        hr_is_input: see `_fit_arguments`.
    """
    import tensorflow as tf

    start = batches.first_round * batches.round_steps if start is None else start
    shapes = [(None, batches.batch_size, side, side, 3) for side in batches.source.sides]
    first = batches.chunks.chunk_of(start)

    def read(chunk: Any) -> Batch:
        numbers = batches.chunks.batches(int(chunk))
        return batches.read(numbers[0], len(numbers))

    def make(chunk: Any) -> Any:
        tensors = tf.numpy_function(read, [chunk], (tf.uint8, tf.uint8), stateful=False)
        lr, hr = (tf.ensure_shape(tensor, shape) for tensor, shape in zip(tensors, shapes, strict=True))
        return _fit_arguments(lr, hr, hr_is_input)

    chunks = tf.data.Dataset.counter(first).map(make, num_parallel_calls=1, deterministic=True)
    return chunks.unbatch().skip(start - batches.chunks.batches(first)[0]).prefetch(_PREFETCHED)


def as_rounds(batches: BatchSource, start: int, share: slice = slice(None), hr_is_input: bool = False) -> Any:
    """Return batches as a keras.utils.PyDataset as long as a round, for the backends that do without tf.data.

    Args:
        batches: where they come from; a pass over the dataset is the round that was released last.
        start: number of the first batch; the dataset is as long as the rest of its round.
        share: which patches of each batch are handed out, where several processes share it.
        hr_is_input: see `_fit_arguments`.
    """
    import keras

    first_round, skipped = divmod(start, batches.round_steps)

    class Rounds(keras.utils.PyDataset):
        def __len__(self) -> int:
            return batches.round_steps - skipped

        def __getitem__(self, place: int) -> Any:
            if place == 0:  # Keras reads the first batch more than once
                first = batches.released * batches.round_steps
                numbers = range(first + (skipped if batches.released == first_round else 0), first + batches.round_steps)
                self.batches = _read_ahead(batches.read(number) for number in numbers)
            lr, hr = next(self.batches)
            return _fit_arguments(lr[0, share], hr[0, share], hr_is_input)

    return Rounds()


def _fit_arguments(lr: Any, hr: Any, hr_is_input: bool) -> tuple[Any, Any]:
    """Return x and y as Keras' fit takes them.

    The target y is the HR patches. The input x is the LR patches, or with `hr_is_input` a dictionary of both, for a diffusion model that
    adds noise to the HR patches itself.
    """
    return ({"lr": lr, "hr": hr} if hr_is_input else lr), hr


def _read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield batches that a thread makes while the device computes."""
    with ThreadPoolExecutor(1) as worker:
        pending = deque(worker.submit(next, batches, None) for _ in range(_PREFETCHED))
        while (batch := pending.popleft().result()) is not None:
            pending.append(worker.submit(next, batches, None))
            yield batch
