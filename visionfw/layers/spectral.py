"""Convolution with spectral normalization, which keeps a discriminator's slope in bounds."""

from __future__ import annotations

import keras
from keras import ops

from visionfw.backend.capabilities import convolution_dtype

_LEAST = 1e-12


@keras.saving.register_keras_serializable(package="visionfw")
class SpectralConv2D(keras.layers.Conv2D):
    """A 2D convolution whose kernel, as a matrix of (taps x channels in, filters), is divided by its largest singular value.

    The singular value is found by one power iteration each time the layer is called in training; the gradient goes through the
    division, but not through the iteration's two vectors.

    Args:
        filters, kernel_size, ...: those of keras.layers.Conv2D.

    Shapes: Conv2D's.

    Reference: Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.left = self.add_weight(name="left", shape=(1, self.filters), initializer="random_normal", trainable=False, dtype="float32", autocast=False)

    def call(self, inputs, training=False):
        kernel = ops.cast(self.kernel, "float32")
        matrix = ops.reshape(kernel, (-1, self.filters))
        fixed = ops.stop_gradient(matrix)
        left = ops.convert_to_tensor(self.left)
        right = _unit(ops.matmul(left, ops.transpose(fixed)))
        if training:
            left = _unit(ops.matmul(right, fixed))
            self.left.assign(left)
        else:
            left = _unit(left)
        largest = ops.sum(ops.matmul(ops.stop_gradient(right), matrix) * ops.stop_gradient(left))
        dtype = convolution_dtype(self.compute_dtype)
        made = ops.cast(self.convolution_op(ops.cast(inputs, dtype), ops.cast(kernel / largest, dtype)), self.compute_dtype)
        if self.use_bias:
            made = made + ops.cast(self.bias, made.dtype)
        return self.activation(made) if self.activation is not None else made

    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)  # Conv2D's own keeps the kernel and the bias alone

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)


def _unit(vector):
    return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), _LEAST)
