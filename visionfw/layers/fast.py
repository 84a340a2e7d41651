"""Keras' normalization of batches and groups and PReLU, computed faster where TensorFlow is the backend: the same values, gradients and weights.

They stand under Keras' own names in dictionaries. SRResNet is made of them: written as Keras writes them they take half of its step on
a CPU.
"""

from __future__ import annotations

import keras
import numpy as np

_LEAST_EPSILON = 1.001e-5  # TensorFlow's fused kernel raises a smaller one to this


@keras.saving.register_keras_serializable(package="visionfw")
class BatchNormalization(keras.layers.BatchNormalization):
    """keras.layers.BatchNormalization; training on TensorFlow uses its fused kernel.

    Reference: Ioffe and Szegedy, Batch Normalization, ICML 2015.
    """

    def call(self, inputs, training=None, mask=None):
        if not (training and self.trainable and mask is None and self._can_be_fused(inputs)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        channels = inputs.shape[-1:]
        scale = tf.cast(self.gamma, "float32") if self.scale else tf.ones(channels)
        offset = tf.cast(self.beta, "float32") if self.center else tf.zeros(channels)
        made, mean, variance = tf.compat.v1.nn.fused_batch_norm(inputs, scale, offset, epsilon=self.epsilon, is_training=True)
        count = tf.cast(tf.size(inputs), "float32") / channels[0]
        variance = variance * ((count - 1.0) / count)  # the kernel's is the unbiased one, Keras keeps the other
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + tf.cast(now, moving.dtype) * (1.0 - self.momentum))
        return tf.cast(made, self.compute_dtype)

    def _can_be_fused(self, inputs) -> bool:
        is_image = len(inputs.shape) == 4 and self.axis in (-1, 3) and not self.synchronized
        is_single = keras.backend.standardize_dtype(inputs.dtype) in ("float32", "bfloat16", "float16")
        return keras.backend.backend() == "tensorflow" and is_image and is_single and self.epsilon >= _LEAST_EPSILON and not getattr(self, "renorm", False)


@keras.saving.register_keras_serializable(package="visionfw")
class GroupNormalization(keras.layers.GroupNormalization):
    """keras.layers.GroupNormalization; images on TensorFlow are normalized by one factor and one offset a channel, in two passes.

    Reference: Wu and He, Group Normalization, ECCV 2018.
    """

    def call(self, inputs):
        if keras.backend.backend() != "tensorflow" or len(inputs.shape) != 4 or self.axis not in (-1, 3) or not (self.scale and self.center):
            return super().call(inputs)
        import tensorflow as tf

        x = tf.cast(inputs, "float32")
        size = inputs.shape[-1] // self.groups
        average = np.kron(np.eye(self.groups), np.full((size, size), 1 / size)).astype(np.float32)
        mean = tf.reduce_mean(x, (1, 2)) @ average
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean[:, None, None]), (1, 2)) @ average
        factor = tf.cast(self.gamma, "float32") * tf.math.rsqrt(variance + self.epsilon)
        offset = tf.cast(self.beta, "float32") - mean * factor
        return tf.cast(x * factor[:, None, None] + offset[:, None, None], self.compute_dtype)


@keras.saving.register_keras_serializable(package="visionfw")
class PReLU(keras.layers.PReLU):
    """keras.layers.PReLU; on TensorFlow its gradient is made in few passes over the image.

    Reference: He et al., Delving Deep into Rectifiers, ICCV 2015.
    """

    def call(self, inputs):
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        return _prelu(keras.ops.convert_to_tensor(inputs), keras.ops.convert_to_tensor(self.alpha))


def _prelu(x, slope):
    """Return max(x, 0) + slope x min(x, 0)."""
    import tensorflow as tf

    @tf.custom_gradient
    def prelu(x, slope):
        positive = tf.nn.relu(x)
        shared = [axis for axis, size in enumerate([1, *slope.shape]) if size == 1]

        def gradient(upstream):
            through = tf.raw_ops.ReluGrad(gradients=upstream, features=x)
            rest = upstream - through
            of_slope = tf.reduce_sum(rest * x, axis=shared, keepdims=True)
            return through + slope * rest, tf.reshape(of_slope, slope.shape)

        return positive + slope * (x - positive), gradient

    return prelu(x, tf.identity(slope))  # a variable itself would have to be named
