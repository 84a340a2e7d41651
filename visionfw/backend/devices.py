"""What the machine computes fast. No Keras here unless a GPU has to be asked for."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h

_WORDS = ("resource_exhausted", "resourceexhausted", "out of memory", "outofmemory", "unable to allocate", "failed to allocate", "oom when", "allocate memory")
#: What processors call their bfloat16 matrix or vector units (Linux).
_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16", "avx10", "bf16"}


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next step instead of giving it back to the system, page by page, every step.

    Saves the page faults of a training step's large, short-lived tensors on a CPU. Does nothing where there is no glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        for option, value in ((_M_TRIM_THRESHOLD, 2**31 - 1), (_M_MMAP_THRESHOLD, 2**30)):
            libc.mallopt(option, value)


def processors() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def compute_in_parts(parts: int) -> None:
    """Have TensorFlow compute independent parts of a graph beside each other, each on its share of the cores.

    For convolutions of few channels that is faster than all cores on each. Does nothing where TensorFlow computed something already.
    """
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_inter_op_parallelism_threads(parts)
        tf.config.threading.set_intra_op_parallelism_threads(-(-processors() // parts))


def machine_bytes() -> int:
    """Return the machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_bytes() -> int:
    """Return the memory in bytes that this process may still take: the machine's, within its control group's limit (Linux)."""
    free = machine_bytes() // 2
    with contextlib.suppress(OSError, ValueError):
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(told["MemAvailable"].split()[0]) * 1024
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        free = min(free, max(0, limit - used))
    return free


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a backend or NumPy says with an exception that memory is used up."""
    said = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(word in said for word in _WORDS)


def compiled(model: Any) -> Callable:
    """Return a Keras model's forward pass, compiled once for images of any size where the backend is TensorFlow.

    One image at a time, or any number for a model of several inputs, which takes a dictionary.

    A model that cannot be compiled for any size runs uncompiled.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return lambda batch: model(keras.tree.map_structure(keras.ops.convert_to_tensor, batch), training=False)
    import tensorflow as tf

    kept = vars(model)  # with the model, so that it goes with it
    if "_visionfw_forward" not in kept:
        is_single = not isinstance(model.input, dict)
        signature = keras.tree.map_structure(lambda tensor: tf.TensorSpec((1 if is_single else None, *tensor.shape[1:]), tf.float32), model.input)
        run = tf.function(lambda batch: model(batch, training=False), input_signature=[signature], autograph=False)
        try:
            run.get_concrete_function()
        except Exception:  # Keras' own layers raise nearly anything where a size is not known
            run = partial(model, training=False)
        kept["_visionfw_forward"] = run
    return kept["_visionfw_forward"]


def input_gradient(figure: Callable, x: Any) -> Any:
    """Return the gradient of a scalar function at x, itself differentiable, which Keras has no name for."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.grad(figure)(x)
    if backend == "torch":
        import torch

        with torch.enable_grad():  # Keras looks at losses without gradients when it builds a model
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(figure(x), x, create_graph=True)[0]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = figure(x)
    return tape.gradient(value, x)


def seed_step(*numbers: int) -> None:
    """Seed what PyTorch's layers draw past Keras' own generators, which is state that no checkpoint has; does nothing on other backends."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1))


def processor_has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 in hardware; without that, bfloat16 is many times slower than float32."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    lines = (line.partition(":")[2] for line in text.splitlines() if line.lower().startswith(("flags", "features")))
    return bool(_BFLOAT16_FLAGS & set(next(lines, "").split()))


def gpu_has_bfloat16() -> bool | None:
    """Tell whether the backend's GPU has bfloat16 units; None where there is no GPU."""
    import keras

    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.is_bf16_supported(including_emulation=False) if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        return True if any(device.platform in ("gpu", "tpu") for device in jax.devices()) else None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0)) >= (8, 0)


def choose_precision(asked: str) -> str:
    """Return the dtype policy for `--precision`: 'auto' is mixed_bfloat16 where hardware computes it, else float32."""
    if asked != "auto":
        return asked
    gpu = gpu_has_bfloat16()
    fast = processor_has_bfloat16() if gpu is None else gpu
    return "mixed_bfloat16" if fast else "float32"


def jit_compile() -> bool | str:
    """Return Keras' `jit_compile` for the device: XLA is slower on a CPU under TensorFlow, and JAX needs it."""
    import keras

    if keras.backend.backend() == "jax":
        return True
    return False if gpu_has_bfloat16() is None else "auto"
