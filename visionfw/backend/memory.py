"""How much memory there is, and whether an error means that it was not enough."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import Any

from visionfw.backend import backend_name, control_group
from visionfw.backend.devices import accelerators

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_ASSUMED_BYTES = 8 * 2**30  # of a machine that does not say how much memory it has

#: What TensorFlow, JAX, PyTorch and NumPy write, in lower case, where memory is used up.
_OUT_OF_MEMORY = (
    "resource_exhausted",
    "resourceexhausted",
    "out of memory",
    "outofmemory",
    "unable to allocate",
    "failed to allocate",
    "allocate memory",
    "oom when",
)


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next step instead of giving it back to the system, page by page, every step.

    Saves the page faults of a training step's large, short-lived tensors on a CPU. Does nothing where there is no glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        for option, value in ((_M_TRIM_THRESHOLD, 2**31 - 1), (_M_MMAP_THRESHOLD, 2**30)):
            libc.mallopt(option, value)


def host_bytes() -> int:
    """Return the memory in bytes that this process may use in all: the machine's, within its control group's limit."""
    machine = _ASSUMED_BYTES
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine, control_group.memory_limit() or machine)


def free_bytes() -> int:
    """Return the memory in bytes that this process may still take: the machine's, within its control group's limit."""
    free = host_bytes() // 2  # where the system does not say
    with contextlib.suppress(OSError, ValueError, KeyError):
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(fields["MemAvailable"].split()[0]) * 1024
    in_group = control_group.free_memory()
    return free if in_group is None else min(free, in_group)


def device_bytes() -> int | None:
    """Return the memory in bytes of the device that computes: the smallest accelerator's, or the host's.

    None for an accelerator whose memory the backend does not report (TensorFlow).
    """
    devices = accelerators()
    if not devices:
        return host_bytes()
    backend = backend_name()
    if backend == "torch":
        import torch

        return min(torch.cuda.get_device_properties(device).total_memory for device in devices)
    if backend == "jax":
        limits: list[Any] = [(device.memory_stats() or {}).get("bytes_limit") for device in devices]
        return None if None in limits else min(limits)
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception of a backend or of NumPy means that memory is used up."""
    text = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY)
