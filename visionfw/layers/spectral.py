"""Convolution with spectral normalization, which bounds the Lipschitz constant of a discriminator."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from visionfw.backend.capabilities import convolution_dtype
from visionfw.layers.keras_layers import convolution_window
from visionfw.layers.windows import Window
from visionfw.numerics import Tensor

_MIN_NORM = 1e-12


@keras.saving.register_keras_serializable(package="visionfw")
class SpectralConv2D(keras.layers.Conv2D):
    """A 2D convolution whose kernel, as a matrix of (taps x channels in, filters), is divided by its largest singular value.

    The singular value is estimated by one power iteration per training call; the gradient flows through the division, but not through
    the two vectors of the iteration.

    Args:
        filters, kernel_size, ...: as in keras.layers.Conv2D.

    Shapes: as keras.layers.Conv2D.

    Reference: Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018.
    """

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        self.left = self.add_weight(name="left", shape=(1, self.filters), initializer="random_normal", trainable=False, dtype="float32", autocast=False)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
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
        output = ops.cast(self.convolution_op(ops.cast(inputs, dtype), ops.cast(kernel / largest, dtype)), self.compute_dtype)
        if self.use_bias:
            output = output + ops.cast(self.bias, output.dtype)
        return self.activation(output) if self.activation is not None else output

    def receptive_window(self, axis: int) -> Window:
        return convolution_window(self, axis)

    def save_own_variables(self, store: Any) -> None:
        keras.layers.Layer.save_own_variables(self, store)  # Conv2D's method saves only the kernel and the bias

    def load_own_variables(self, store: Any) -> None:
        keras.layers.Layer.load_own_variables(self, store)


def _unit(vector: Tensor) -> Tensor:
    return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), _MIN_NORM)
