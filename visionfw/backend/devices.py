"""The processor cores and accelerators that this process may use."""

from __future__ import annotations

import math
import os
from typing import Any

from visionfw.backend import backend_name, control_group


def processors() -> int:
    """Return how many processor cores this process may keep busy: its affinity, within its control group's quota; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = control_group.processor_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def has_accelerator() -> bool:
    """Return whether the backend computes on a GPU or TPU."""
    return bool(accelerators())


def accelerators() -> list[Any]:
    """Return the backend's GPUs or TPUs: jax.Device, tf.config.PhysicalDevice or the number of a CUDA device."""
    backend = backend_name()
    if backend == "torch":
        import torch

        return list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    if backend == "jax":
        import jax

        return [device for device in jax.devices() if device.platform != "cpu"]
    import tensorflow as tf

    return tf.config.list_physical_devices("GPU") + tf.config.list_physical_devices("TPU")
