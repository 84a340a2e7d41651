"""Which floating-point type the hardware computes fast."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from visionfw.backend import backend_name
from visionfw.backend.devices import accelerators

#: What Linux calls the bfloat16 matrix or vector units of processors.
_PROCESSOR_FLAGS = {"amx_bf16", "avx512_bf16", "avx10", "bf16"}
#: CUDA compute capability of the first GPUs with bfloat16 units (Ampere).
_FIRST_CAPABILITY = (8, 0)


def choose_precision(precision: str) -> str:
    """Return the dtype policy for a value of `--precision`: 'auto' is mixed_bfloat16 where the hardware computes it, else float32."""
    if precision != "auto":
        return precision
    on_accelerator = accelerator_has_bfloat16()
    is_fast = processor_has_bfloat16() if on_accelerator is None else on_accelerator
    return "mixed_bfloat16" if is_fast else "float32"


def processor_has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 in hardware; without that, bfloat16 is many times slower than float32."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = (line.partition(":")[2] for line in text.splitlines() if line.lower().startswith(("flags", "features")))
    return bool(_PROCESSOR_FLAGS & set(next(flags, "").split()))


def accelerator_has_bfloat16() -> bool | None:
    """Return whether all of the backend's GPUs or TPUs have bfloat16 units; None where there are none."""
    devices = accelerators()
    return all(has_bfloat16_units(*_platform(device)) for device in devices) if devices else None


def has_bfloat16_units(platform: str, capability: str | tuple[int, int] | None) -> bool:
    """Return whether a device computes bfloat16 in hardware.

    Args:
        platform: 'tpu', or whatever the backend calls GPUs.
        capability: a GPU's CUDA compute capability, "7.5" or (7, 5); None or another text where it is not known, which counts as too old.
    """
    if platform.lower() == "tpu":
        return True
    if isinstance(capability, str):
        with contextlib.suppress(ValueError):
            major, _, minor = capability.partition(".")
            return (int(major), int(minor or 0)) >= _FIRST_CAPABILITY
        return False
    return capability is not None and tuple(capability) >= _FIRST_CAPABILITY


def _platform(device: Any) -> tuple[str, str | tuple[int, int] | None]:
    """Return the platform and the compute capability of one of `devices.accelerators()`."""
    backend = backend_name()
    if backend == "torch":
        import torch

        return "gpu", torch.cuda.get_device_capability(device)
    if backend == "jax":
        return device.platform, getattr(device, "compute_capability", None)
    import tensorflow as tf

    return device.device_type, tf.config.experimental.get_device_details(device).get("compute_capability")
