"""The forward pass of a model at inference, compiled where the backend compiles."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import keras

from visionfw.backend import backend_name
from visionfw.backend.memory import is_out_of_memory
from visionfw.numerics import Tensor

ForwardPass = Callable[[Any], Any]

#: The forward pass of every model that is in use. It holds its model weakly, so that both go together.
_FORWARD_PASSES: weakref.WeakKeyDictionary[keras.Model, ForwardPass] = weakref.WeakKeyDictionary()


def forward_pass(model: keras.Model) -> ForwardPass:
    """Return a model's forward pass, compiled once and kept: on TensorFlow for images of any size, on JAX for each size, on PyTorch without gradients.

    A model that cannot be compiled runs uncompiled.

    Args:
        model: a functional model of one input, or of several, which takes a dictionary.

    Returns:
        A function from a float32 batch, (n, height, width, channels), or a dictionary of batches, to what the model returns. Of a model
        with one input, n must be 1 on TensorFlow.
    """
    if model not in _FORWARD_PASSES:
        makers = {"tensorflow": _on_tensorflow, "jax": _on_jax, "torch": _on_torch}
        _FORWARD_PASSES[model] = makers[backend_name()](weakref.ref(model))
    return _FORWARD_PASSES[model]


def _on_tensorflow(reference: weakref.ref[keras.Model]) -> ForwardPass:
    import tensorflow as tf

    inputs = _alive(reference).input
    count = None if isinstance(inputs, dict) else 1
    signature = keras.tree.map_structure(lambda tensor: tf.TensorSpec((count, *tensor.shape[1:]), tf.float32), inputs)

    def call(batch: Any) -> Any:
        return _alive(reference)(batch, training=False)

    compiled = tf.function(call, input_signature=[signature], autograph=False)
    try:
        compiled.get_concrete_function()
    except Exception:  # Keras' own layers raise nearly anything where a size is not known
        return call
    return compiled


def _on_jax(reference: weakref.ref[keras.Model]) -> ForwardPass:
    import jax

    @jax.jit
    def compiled(trainable: list[Tensor], rest: list[Tensor], batch: Any) -> Any:
        return _alive(reference).stateless_call(trainable, rest, batch, training=False)[0]

    def call(batch: Any) -> Any:
        model = _alive(reference)
        variables = [[variable.value for variable in group] for group in (model.trainable_variables, model.non_trainable_variables)]
        try:
            return compiled(*variables, batch)
        except Exception as error:  # a layer reads the values of its input, for which Keras raises nearly any exception; or the input is wrong
            if is_out_of_memory(error):
                raise
            return model(keras.tree.map_structure(keras.ops.convert_to_tensor, batch), training=False)

    return call


def _on_torch(reference: weakref.ref[keras.Model]) -> ForwardPass:
    import torch

    def call(batch: Any) -> Any:
        with torch.no_grad():  # else every layer's output is kept for a gradient that nobody asks for
            return _alive(reference)(keras.tree.map_structure(keras.ops.convert_to_tensor, batch), training=False)

    return call


def _alive(reference: weakref.ref[keras.Model]) -> keras.Model:
    """Return the model, which whoever calls its forward pass holds."""
    model = reference()
    if model is None:
        raise ReferenceError("the model of this forward pass is gone; keep it as long as the forward pass is used")
    return model
