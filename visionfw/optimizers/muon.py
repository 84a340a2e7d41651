"""Muon: momentum whose steps are made orthogonal, for the kernels of a network; Adam for its first one and for everything else."""

from __future__ import annotations

import math
from collections.abc import Collection

import keras
from keras import ops

from visionfw.backend.keras_internals import variable_index

_LEAST_CHANNELS = 8  # a kernel of fewer is no matrix worth the work
_MOMENTUM = 0.95
_STEP = 0.2  # root mean square of a step over the learning rate: Adam's, so that one rate serves both
_ITERATION = (3.4445, -4.7750, 2.0315)  # Newton-Schulz of fifth order, steepest at 0 (Jordan)
_ITERATIONS = 5


class Muon(keras.optimizers.Adam):
    """Orthogonalised momentum for some matrices; everything else learns by Adam.

    A convolution's kernel counts as a matrix of (height x width x channels in, channels out).

    Args:
        learning_rate: of both.
        matrices: paths of the variables that are such matrices, as `matrices_of` returns them.
        limits: what every Keras optimizer takes.

    References: Jordan, Muon: An optimizer for hidden layers in neural networks, 2024; the size of a step by Liu et al., Muon is
    Scalable for LLM Training, 2025. keras.optimizers.Muon takes matrices of two dimensions alone, which no convolution has.
    """

    def __init__(self, learning_rate, matrices: Collection[str] = (), **limits):
        super().__init__(learning_rate, name="muon", **limits)
        self.matrices = frozenset(matrices)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._matrix_momentums = [
            self.add_variable_from_reference(variable, name="matrix_momentum") if variable.path in self.matrices else None for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        velocity = self._matrix_momentums[variable_index(self, variable)]
        if velocity is None:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        self.assign(velocity, ops.add(ops.multiply(velocity, _MOMENTUM), gradient))
        ahead = ops.add(gradient, ops.multiply(velocity, _MOMENTUM))
        rows, columns = math.prod(variable.shape[:-1]), variable.shape[-1]
        direction = ops.reshape(orthogonal(ops.reshape(ahead, (rows, columns))), variable.shape)
        size = ops.cast(learning_rate, variable.dtype) * (_STEP * math.sqrt(max(rows, columns)))
        self.assign_sub(variable, ops.multiply(direction, size))


def orthogonal(matrix):
    """Return about the nearest matrix with orthonormal rows or columns, by Newton and Schulz' iteration.

    Args:
        matrix: (rows, columns) float32; its size does not matter.

    Returns:
        A matrix of the same singular vectors, whose singular values lie between about 0.7 and 1.2.
    """
    is_high = matrix.shape[0] > matrix.shape[1]
    matrix = matrix / (ops.sqrt(ops.sum(ops.square(matrix))) + 1e-7)
    a, b, c = _ITERATION
    for _ in range(_ITERATIONS):
        other = ops.transpose(matrix)
        square = ops.matmul(other, matrix) if is_high else ops.matmul(matrix, other)  # the smaller of the two
        polynomial = b * square + c * ops.matmul(square, square)
        matrix = a * matrix + (ops.matmul(matrix, polynomial) if is_high else ops.matmul(polynomial, matrix))
    return matrix


def matrices_of(model: keras.Model) -> list[str]:
    """Return the paths of the kernels that Muon is for: all but the first that have some channels on both sides."""
    kernels = [variable for variable in model.trainable_variables if len(variable.shape) > 1 and variable.name.endswith("kernel")]
    return [variable.path for variable in kernels[1:] if min(variable.shape[-2:]) >= _LEAST_CHANNELS]
