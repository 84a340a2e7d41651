"""What the Keras backend in use can do. Callers ask for the ability, never for the backend's name."""

from __future__ import annotations

from visionfw.backend import backend_name
from visionfw.backend.devices import has_accelerator


def uses_tf_data() -> bool:
    """Return whether batches are best fed as a tf.data.Dataset without an end; other backends take a keras.utils.PyDataset of one round."""
    return backend_name() == "tensorflow"


def writes_tensorboard() -> bool:
    """Return whether keras.callbacks.TensorBoard works: it writes its files with TensorFlow."""
    return backend_name() == "tensorflow"


def shares_batches() -> bool:
    """Return whether keras.distribution can train on several devices."""
    return backend_name() == "jax"


def runs_operations_concurrently() -> bool:
    """Return whether independent parts of a training step run beside each other on the cores of a CPU."""
    return backend_name() == "tensorflow" and not has_accelerator()


def jit_compile() -> bool | str:
    """Return the value of Keras' `jit_compile`: XLA is slower on a CPU under TensorFlow, and JAX needs it."""
    if backend_name() == "jax":
        return True
    return "auto" if has_accelerator() else False


def convolution_dtype(compute_dtype: str) -> str:
    """Return the dtype for a convolution whose kernel is computed in the layer: PyTorch's bfloat16 gradient of one needs other strides."""
    return "float32" if backend_name() == "torch" else compute_dtype
