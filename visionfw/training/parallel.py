"""Data parallelism: several devices, or several machines, train on a part of every batch each, through keras.distribution (JAX).

On one machine: `--devices=N`. On several: Keras' environment variables KERAS_DISTRIBUTION_JOB_ADDRESSES, ..._NUM_PROCESSES and
..._PROCESS_ID tell every process of the others, and each runs the same command.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import keras

from visionfw.backend import backend_name
from visionfw.backend.capabilities import shares_batches
from visionfw.errors import RequestError


@dataclass(frozen=True)
class Parallel:
    """How batches are split among devices and processes.

    Attributes:
        distribution: Keras' data parallelism over all devices; None for one device.
        processes: how many train together.
        process: number of this one, from 0.
    """

    distribution: keras.distribution.DataParallel | None = None
    processes: int = 1
    process: int = 0

    def share(self, batch_size: int) -> slice:
        """Return which patches of a batch this process feeds to its devices."""
        part = batch_size // self.processes
        return slice(self.process * part, (self.process + 1) * part)

    def active(self) -> AbstractContextManager[None]:
        """Return a context in which models are built and trained on all devices."""
        return _distributed_by(self.distribution)

    def alone(self) -> AbstractContextManager[None]:
        """Return a context in which this process computes by itself, as validation does."""
        return _distributed_by(None)


@contextmanager
def _distributed_by(distribution: keras.distribution.DataParallel | None) -> Iterator[None]:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(distribution)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def start(devices: int, batch_size: int) -> Parallel:
    """Find the devices that train together.

    Args:
        devices: how many of this machine's devices; 1 unless several are wanted.
        batch_size: patches of a whole batch.

    Raises:
        RequestError: there are fewer devices, the backend cannot split batches, or the batch cannot be split evenly.
    """
    processes, process = _environment_number("NUM_PROCESSES", "1"), _environment_number("PROCESS_ID", "0")
    if devices == 1 and processes == 1:
        return Parallel()
    if not shares_batches():
        raise RequestError(f"--devices: several devices need the JAX backend (KERAS_BACKEND=jax), not {backend_name()}")
    if devices > 1 and processes > 1:
        raise RequestError("--devices: several processes use all of their devices; leave the flag out")
    available = keras.distribution.list_devices()
    if processes == 1 and len(available) < devices:
        raise RequestError(f"--devices={devices}: there are only {len(available)}: {', '.join(available)}")
    used = available if processes > 1 else available[:devices]
    if batch_size % len(used):
        raise RequestError(f"--batch_size={batch_size} cannot be split among {len(used)} devices; it must be a multiple")
    distribution = keras.distribution.DataParallel(devices=used, auto_shard_dataset=False)
    return Parallel(distribution, processes, process)


def _environment_number(name: str, default: str) -> int:
    """Return the number in one of Keras' environment variables. Raises RequestError where it holds no number."""
    text = os.environ.get(f"KERAS_DISTRIBUTION_{name}", default)
    if not text.isdigit():
        raise RequestError(f"KERAS_DISTRIBUTION_{name} must be a whole number, not {text!r}")
    return int(text)
