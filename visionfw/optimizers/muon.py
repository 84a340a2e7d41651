"""Muon: momentum with orthogonalized steps for the kernels of a network, Adam for its first kernel and for everything else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from visionfw.backend.keras_internals import variable_index
from visionfw.numerics import Tensor

_MIN_CHANNELS = 8  # a matrix with fewer rows or columns has hardly anything to orthogonalize
_STEP_RMS = 0.2  # root mean square of a step / learning rate: Adam's, so that one learning rate serves both
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of fifth order, steepest at 0 (Jordan)
_ITERATIONS = 5


class Muon(keras.optimizers.Adam):
    """Orthogonalized momentum for the kernels that `matrices_among` selects; everything else is trained by Adam.

    A convolution's kernel counts as a matrix of (height x width x input channels, output channels).

    Args:
        learning_rate: of both.
        momentum: decay of the accumulated gradient of a matrix.
        **settings: what keras.optimizers.Adam takes.

    References: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024; the size of a step is that of Liu et al.,
    Muon is Scalable for LLM Training, 2025. keras.optimizers.Muon takes two-dimensional matrices only, which no convolution has.
    """

    def __init__(self, learning_rate: Any = 1e-3, *, momentum: float = 0.95, **settings: Any):
        super().__init__(learning_rate, name="muon", **settings)
        self.momentum = momentum

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the momentums, for Adam and for the matrices."""
        if self.built:
            return
        super().build(variables)
        matrices = set(map(id, matrices_among(variables)))
        self._matrix_momentums = [
            self.add_variable_from_reference(variable, name="matrix_momentum") if id(variable) in matrices else None for variable in variables
        ]

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable."""
        velocity = self._matrix_momentums[variable_index(self, variable)]
        if velocity is None:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        self.assign(velocity, ops.add(ops.multiply(velocity, self.momentum), gradient))
        lookahead = ops.add(gradient, ops.multiply(velocity, self.momentum))
        rows, columns = math.prod(variable.shape[:-1]), variable.shape[-1]
        direction = ops.reshape(orthogonalize(ops.reshape(lookahead, (rows, columns))), variable.shape)
        size = ops.cast(learning_rate, variable.dtype) * (_STEP_RMS * math.sqrt(max(rows, columns)))
        self.assign_sub(variable, ops.multiply(direction, size))


def orthogonalize(matrix: Tensor) -> Tensor:
    """Return approximately the nearest matrix with orthonormal rows or columns, by the Newton-Schulz iteration.

    Args:
        matrix: (rows, columns) float32, of any norm.

    Returns:
        A matrix with the same singular vectors, whose singular values lie between about 0.7 and 1.2.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    matrix = matrix / (ops.sqrt(ops.sum(ops.square(matrix))) + 1e-7)
    a, b, c = _NEWTON_SCHULZ
    for _ in range(_ITERATIONS):
        transposed = ops.transpose(matrix)
        gram = ops.matmul(transposed, matrix) if is_tall else ops.matmul(matrix, transposed)  # the smaller of the two
        polynomial = b * gram + c * ops.matmul(gram, gram)
        matrix = a * matrix + (ops.matmul(matrix, polynomial) if is_tall else ops.matmul(polynomial, matrix))
    return matrix


def matrices_among(variables: Sequence[keras.Variable]) -> list[keras.Variable]:
    """Return the kernels that Muon trains: all but the first one of those with at least 8 channels on both sides.

    The first kernel is left out whatever its channels.
    """
    kernels = [variable for variable in variables if len(variable.shape) > 1 and variable.name.endswith("kernel")]
    return [variable for variable in kernels[1:] if min(variable.shape[-2:]) >= _MIN_CHANNELS]
