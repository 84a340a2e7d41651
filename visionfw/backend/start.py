"""Start Keras and its backend for a command: quietly, and with settings that hold for the whole process."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from visionfw.errors import RequestError, unknown

BACKENDS = ("tensorflow", "jax", "torch")
_owns_process = False


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ code prints while it starts (no GPU found, which instructions it uses) off the terminal.

    It writes to the file descriptor itself, before any log level applies. Where the block fails, all of it is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except Exception:
            held_back.seek(0)
            os.write(terminal, held_back.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def start_backend(devices: int = 1) -> None:
    """Import Keras and its backend, quietly. For commands: environment variables and thread pools of the whole process are set.

    Args:
        devices: how many JAX is to make of a processor where that is all there is.

    Raises:
        RequestError: $KERAS_BACKEND is unknown or not installed.
    """
    global _owns_process
    _owns_process = True
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in BACKENDS:
        raise RequestError(f"KERAS_BACKEND: {unknown('backend', backend, BACKENDS)}")
    if importlib.util.find_spec(backend) is None:
        raise RequestError(f"KERAS_BACKEND={backend}: {backend} is not installed")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # TensorFlow leaves these convolutions off on processors without VNNI, where they are faster too
    if backend == "jax" and devices > 1:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}".strip()
    with quiet():
        import keras

        if backend == "jax" and os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", "1") not in ("", "0", "1"):
            keras.distribution.initialize()  # meets the other processes, before JAX enumerates devices
        from visionfw.backend.devices import accelerators

        accelerators()  # the backend enumerates GPUs


def owns_process() -> bool:
    """Return whether `start_backend` started this process' backend: a command runs, not a program that imports visionfw."""
    return _owns_process
