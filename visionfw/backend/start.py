"""Starting Keras and its backend without their chatter."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from visionfw.errors import RequestError, unknown


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow's C++ says while it starts (no GPU found, which instructions it uses) off the terminal.

    It is written to the file descriptor itself, before any log level applies. Where the block fails, all of it is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def start_backend(devices: int = 1) -> None:
    """Import Keras and its backend, quietly; JAX with so many devices where it has only a processor."""
    asked = os.environ.get("KERAS_BACKEND", "tensorflow")
    backends = ("tensorflow", "jax", "torch")
    if asked not in backends:
        raise RequestError(f"KERAS_BACKEND: {unknown('backend', asked, backends)}")
    if importlib.util.find_spec(asked) is None:
        raise RequestError(f"KERAS_BACKEND={asked}: {asked} is not installed")
    os.environ["KERAS_BACKEND"] = asked
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # TensorFlow leaves these convolutions off on processors without VNNI, where they are faster too
    if asked == "jax" and devices > 1:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}".strip()
    with quiet():
        import keras

        if asked == "jax" and os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", "1") not in ("", "0", "1"):
            keras.distribution.initialize()  # meets the other processes, before JAX looks for devices
        from visionfw.backend.devices import gpu_has_bfloat16

        gpu_has_bfloat16()  # the first look for a GPU
