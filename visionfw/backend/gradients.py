"""Gradients with respect to an input, for which Keras has no name."""

from __future__ import annotations

from collections.abc import Callable

from visionfw.backend import backend_name
from visionfw.numerics import Tensor


def input_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the gradient of a scalar function at `x`, in its shape. It can be differentiated in turn by the function's variables."""
    backend = backend_name()
    if backend == "jax":
        import jax

        return jax.grad(function)(x)
    if backend == "torch":
        import torch

        with torch.enable_grad():  # Keras computes losses without gradients while it builds a model
            x = x.detach().requires_grad_(True)
            return torch.autograd.grad(function(x), x, create_graph=True)[0]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)
