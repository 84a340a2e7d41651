"""Keras' batch and group normalization and PReLU, computed faster where TensorFlow is the backend: the same values, gradients and weights.

They stand under Keras' own names in dictionaries. SRResNet is made of them: as Keras computes them they take half of its step on a CPU.
They are saved as Keras' own layers, so that a saved model needs no visionfw: Keras finds a layer's class by its module and name.
"""

from __future__ import annotations

import keras

from visionfw.backend import tensorflow_kernels
from visionfw.numerics import Tensor

#: The public module in which each class here has its counterpart of the same name.
_KERAS = "keras.layers"


class BatchNormalization(keras.layers.BatchNormalization):
    """keras.layers.BatchNormalization; training on TensorFlow uses its fused kernel.

    Shapes: (batch, ..., c) -> the same.

    Reference: Ioffe and Szegedy, Batch Normalization, ICML 2015.
    """

    __module__ = _KERAS

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        if not (training and self.trainable and mask is None and self._can_be_fused(inputs)):
            return super().call(inputs, training=training, mask=mask)
        gamma, beta = self.gamma if self.scale else None, self.beta if self.center else None
        normalized, mean, variance = tensorflow_kernels.batch_normalization(inputs, gamma, beta, self.epsilon)
        for moving, current in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + keras.ops.cast(current, moving.dtype) * (1.0 - self.momentum))
        return keras.ops.cast(normalized, self.compute_dtype)

    def _can_be_fused(self, inputs: Tensor) -> bool:
        is_image = len(inputs.shape) == 4 and self.axis in (-1, 3) and not self.synchronized
        is_float = keras.backend.standardize_dtype(inputs.dtype) in ("float32", "bfloat16", "float16")
        is_exact = self.epsilon >= tensorflow_kernels.MIN_BATCH_NORMALIZATION_EPSILON and not getattr(self, "renorm", False)
        return tensorflow_kernels.are_available() and is_image and is_float and is_exact


class GroupNormalization(keras.layers.GroupNormalization):
    """keras.layers.GroupNormalization; images on TensorFlow are normalized by one factor and one offset per channel, in two passes.

    Shapes: (batch, ..., c) -> the same.

    Reference: Wu and He, Group Normalization, ECCV 2018.
    """

    __module__ = _KERAS

    def call(self, inputs: Tensor) -> Tensor:
        is_image = len(inputs.shape) == 4 and self.axis in (-1, 3)
        if not (tensorflow_kernels.are_available() and is_image and self.scale and self.center):
            return super().call(inputs)
        normalized = tensorflow_kernels.group_normalization(inputs, self.gamma, self.beta, self.groups, self.epsilon)
        return keras.ops.cast(normalized, self.compute_dtype)


class PReLU(keras.layers.PReLU):
    """keras.layers.PReLU; on TensorFlow its gradient takes few passes over the image.

    Shapes: (batch, ..., c) -> the same.

    Reference: He et al., Delving Deep into Rectifiers, ICCV 2015.
    """

    __module__ = _KERAS

    def call(self, inputs: Tensor) -> Tensor:
        return tensorflow_kernels.prelu(inputs, self.alpha) if tensorflow_kernels.are_available() else super().call(inputs)
