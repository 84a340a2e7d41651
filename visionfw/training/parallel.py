"""Several devices, and several machines: each trains on its share of every batch, through keras.distribution (JAX).

One machine: `--devices=N`. Several: Keras' own environment variables KERAS_DISTRIBUTION_JOB_ADDRESSES, ..._NUM_PROCESSES and
..._PROCESS_ID tell every process of the others; each runs the same command.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from visionfw.backend import backend_name
from visionfw.backend.capabilities import shares_batches
from visionfw.errors import RequestError


@dataclass(frozen=True)
class Parallel:
    """How a batch is shared out.

    Attributes:
        distribution: Keras' data parallelism over all devices; None for one device.
        processes: how many run together.
        process: which of them this is.
    """

    distribution: object | None = None
    processes: int = 1
    process: int = 0

    def share(self, batch_size: int) -> slice:
        """Return which patches of a batch this process feeds to its devices."""
        part = batch_size // self.processes
        return slice(self.process * part, (self.process + 1) * part)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Share out what is built and trained inside a `with` block."""
        with _set(self.distribution):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Compute what is inside a `with` block by this process for itself: validation."""
        with _set(None):
            yield


@contextmanager
def _set(distribution: Any) -> Iterator[None]:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(distribution)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def start(devices: int, batch_size: int) -> Parallel:
    """Find the devices that train together.

    Args:
        devices: how many of this machine's; 1 for the usual single one.
        batch_size: patches of a whole batch.

    Raises:
        RequestError: there are not so many, the backend does not share out batches, or the batch cannot be shared out evenly.
    """
    processes, process = (_number(name, default) for name, default in (("NUM_PROCESSES", "1"), ("PROCESS_ID", "0")))
    if devices == 1 and processes == 1:
        return Parallel()
    if not shares_batches():
        raise RequestError(f"--devices: several devices need the JAX backend (KERAS_BACKEND=jax), not {backend_name()}")
    if devices > 1 and processes > 1:
        raise RequestError("--devices: several processes use all devices that they have; leave the flag out")
    found = keras.distribution.list_devices()
    if processes == 1 and len(found) < devices:
        raise RequestError(f"--devices={devices}: there are {len(found)}: {', '.join(found)}")
    used = found if processes > 1 else found[:devices]
    if batch_size % len(used):
        raise RequestError(f"--batch_size={batch_size} cannot be shared out among {len(used)} devices; it must be a multiple")
    distribution = keras.distribution.DataParallel(devices=used, auto_shard_dataset=False)
    return Parallel(distribution, processes, process)


def _number(name: str, default: str) -> int:
    text = os.environ.get(f"KERAS_DISTRIBUTION_{name}", default)
    if not text.isdigit():
        raise RequestError(f"KERAS_DISTRIBUTION_{name} must be a whole number, not {text!r}")
    return int(text)
