"""Faster forms of three layers' computations in TensorFlow's own operations: the values and gradients are those of Keras' forms.

Call them only where `are_available()`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from visionfw.numerics import Tensor

#: Smallest epsilon that `batch_normalization` takes: TensorFlow's fused kernel silently raises a smaller one to this.
MIN_BATCH_NORMALIZATION_EPSILON = 1.001e-5


def are_available() -> bool:
    """Return whether TensorFlow is the backend in use."""
    return keras.backend.backend() == "tensorflow"


def batch_normalization(x: Tensor, gamma: Tensor | None, beta: Tensor | None, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize a training batch by its own statistics, in one fused kernel.

    Args:
        x: (batch, height, width, channels) in float32, bfloat16 or float16.
        gamma, beta: (channels,) factor and offset; None for 1 and 0.
        epsilon: added to the variance; at least MIN_BATCH_NORMALIZATION_EPSILON.

    Returns:
        The normalized batch in the dtype of `x`; the mean and the (biased) variance of each channel, (channels,) float32.

    Reference: Ioffe and Szegedy, Batch Normalization, ICML 2015.
    """
    import tensorflow as tf

    channels = x.shape[-1:]
    scale = tf.ones(channels) if gamma is None else tf.cast(gamma, "float32")
    offset = tf.zeros(channels) if beta is None else tf.cast(beta, "float32")
    normalized, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, scale, offset, epsilon=epsilon, is_training=True)
    count = tf.cast(tf.size(x), "float32") / channels[0]
    return normalized, mean, variance * ((count - 1.0) / count)  # the kernel returns the unbiased variance


def group_normalization(x: Tensor, gamma: Tensor, beta: Tensor, groups: int, epsilon: float) -> Tensor:
    """Normalize groups of channels by one factor and one offset per channel, in two passes over the image.

    Args:
        x: (batch, height, width, channels).
        gamma, beta: (channels,).
        groups: how many; divides the channels.
        epsilon: added to the variance.

    Returns:
        The normalized batch, float32.

    Reference: Wu and He, Group Normalization, ECCV 2018.
    """
    import tensorflow as tf

    x = tf.cast(x, "float32")
    size = x.shape[-1] // groups
    average = np.kron(np.eye(groups), np.full((size, size), 1 / size)).astype(np.float32)
    mean = tf.reduce_mean(x, (1, 2)) @ average
    variance = tf.reduce_mean(tf.math.squared_difference(x, mean[:, None, None]), (1, 2)) @ average
    factor = tf.cast(gamma, "float32") * tf.math.rsqrt(variance + epsilon)
    offset = tf.cast(beta, "float32") - mean * factor
    return x * factor[:, None, None] + offset[:, None, None]


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """Return max(x, 0) + slope * min(x, 0), with a gradient that takes few passes over the image.

    Args:
        x: (batch, ...).
        slope: broadcasts against x[0]; axes of length 1 are shared.

    Reference: He et al., Delving Deep into Rectifiers, ICCV 2015.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def forward(x: Tensor, slope: Tensor) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor]]]:
        positive = tf.nn.relu(x)
        shared_axes = [axis for axis, size in enumerate([1, *slope.shape]) if size == 1]

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            through = tf.raw_ops.ReluGrad(gradients=upstream, features=x)
            rest = upstream - through
            slope_gradient = tf.reduce_sum(rest * x, axis=shared_axes, keepdims=True)
            return through + slope * rest, tf.reshape(slope_gradient, slope.shape)

        return positive + slope * (x - positive), gradient

    return forward(keras.ops.convert_to_tensor(x), tf.identity(keras.ops.convert_to_tensor(slope)))  # a variable itself would have to be named
