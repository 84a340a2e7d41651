"""The one convolution that a region of linear layers computes, from the layers' weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from visionfw.graph.checking.expand import link_name
from visionfw.graph.folding.regions import MERGES, Tree
from visionfw.layers.edges import FILTERS, EdgeFilter

#: A layer's name in the model -> the layer.
LayerOf = Callable[[str], keras.layers.Layer]


@dataclass(frozen=True)
class Affine:
    """A map of images: a convolution without padding of its own, and a bias.

    Attributes:
        kernel: (rows, columns, inputs, outputs), float64; zeros between channels of different groups.
        bias: (outputs,), float64.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def scaled(self, factor: np.ndarray, offset: np.ndarray) -> Affine:
        """Return `factor * this + offset`, by output channel."""
        return Affine(self.kernel * factor, self.bias * factor + offset)

    def then(self, other: Affine) -> Affine:
        """Return two maps in series."""
        (rows, columns, inputs, _), (own_rows, own_columns, _, outputs) = self.kernel.shape, other.kernel.shape
        composed = np.zeros((rows + own_rows - 1, columns + own_columns - 1, inputs, outputs))
        for row in range(own_rows):
            for column in range(own_columns):
                composed[row : row + rows, column : column + columns] += self.kernel @ other.kernel[row, column]
        return Affine(composed, self.bias @ other.kernel.sum((0, 1)) + other.bias)


def evaluate(tree: Tree | None, layer_of: LayerOf, prefix: str, channels: int) -> Affine:
    """Return what a region computes.

    Args:
        tree: the region.
        layer_of: finds layers.
        prefix: what the names of the region's layers begin with.
        channels: those of its source.
    """
    if tree is None:
        return Affine(np.eye(channels)[None, None], np.zeros(channels))
    operands = [evaluate(operand, layer_of, prefix, channels) for operand in tree.operands]
    link, first = tree.link, operands[0]
    if tree.inner is not None:
        return first.then(evaluate(tree.inner, layer_of, f"{prefix}{link_name(link)}-", first.kernel.shape[-1]))
    if link.layer in MERGES:
        return _sum(operands, _factors(link.layer, len(operands)))
    if link.layer in ("ZeroPadding2D", "Identity", "linear"):  # zeros are around the source, see regions.Form
        return first
    return _APPLIED[link.layer](first, layer_of(prefix + link_name(link)))


def _factors(merge: str, count: int) -> list[float]:
    return {"Add": [1.0] * count, "Subtract": [1.0, -1.0], "Average": [1 / count] * count}[merge]


def _sum(operands: list[Affine], factors: list[float]) -> Affine:
    rows, columns = (max(one.kernel.shape[axis] for one in operands) for axis in (0, 1))
    kernel = np.zeros((rows, columns, *operands[0].kernel.shape[2:]))
    for one, factor in zip(operands, factors, strict=True):
        top, left = (rows - one.kernel.shape[0]) // 2, (columns - one.kernel.shape[1]) // 2
        kernel[top : top + one.kernel.shape[0], left : left + one.kernel.shape[1]] += factor * one.kernel
    return Affine(kernel, np.asarray(sum(factor * one.bias for one, factor in zip(operands, factors, strict=True))))


def _convolved(operand: Affine, layer: keras.layers.Layer) -> Affine:
    kernel = full_kernel(layer)
    return operand.then(Affine(kernel, _array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1])))


def _filtered(operand: Affine, layer: EdgeFilter) -> Affine:
    kernel = FILTERS[layer.kind].astype(np.float64)[:, :, None, None] * np.diag(_array(layer.scale).ravel())
    return operand.then(Affine(kernel, _array(layer.bias)))


def full_kernel(layer: keras.layers.Layer) -> np.ndarray:
    """Return the kernel of a convolution as (rows, columns, inputs, outputs), those of groups and depthwise ones with zeros filled in."""
    kernel = _array(layer.kernel)
    rows, columns, inputs, outputs = kernel.shape
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        groups, kernel = inputs, kernel.reshape(rows, columns, 1, inputs * outputs)
    else:
        groups = layer.groups
    if groups == 1:
        return kernel
    inputs, outputs = kernel.shape[2], kernel.shape[3] // groups
    full = np.zeros((rows, columns, inputs * groups, outputs * groups))
    for group in range(groups):
        ours = slice(group * outputs, (group + 1) * outputs)
        full[:, :, group * inputs : (group + 1) * inputs, ours] = kernel[..., ours]
    return full


def layers_kernel(kernel: np.ndarray, layer: keras.layers.Layer) -> np.ndarray:
    """Return a full kernel as a convolution stores it: the inverse of `full_kernel`."""
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    groups = kernel.shape[2] if is_depthwise else layer.groups
    inputs, outputs = kernel.shape[2] // groups, kernel.shape[3] // groups
    parts = [kernel[:, :, group * inputs : (group + 1) * inputs, group * outputs : (group + 1) * outputs] for group in range(groups)]
    return np.concatenate(parts, axis=2 if is_depthwise else 3)


def _normalized(operand: Affine, layer: keras.layers.Layer) -> Affine:
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    factor = (_array(layer.gamma) if layer.scale else 1.0) / np.sqrt(variance + layer.epsilon)
    return operand.scaled(factor, (_array(layer.beta) if layer.center else 0.0) - mean * factor)


def _rescaled(operand: Affine, layer: keras.layers.Layer) -> Affine:
    return operand.scaled(np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64))


def _shifted(operand: Affine, layer: keras.layers.Layer) -> Affine:
    return operand.scaled(np.ones(1), layer.sign * np.asarray(layer.mean, np.float64))


def _scaled(operand: Affine, layer: keras.layers.Layer) -> Affine:
    return operand.scaled(_array(layer.gamma), np.zeros(1))


def _array(variable: keras.Variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable).astype(np.float64)


_APPLIED: dict[str, Callable[[Affine, keras.layers.Layer], Affine]] = {
    "Conv2D": _convolved,
    "DepthwiseConv2D": _convolved,
    "EdgeFilter": _filtered,
    "BatchNormalization": _normalized,
    "Rescaling": _rescaled,
    "MeanShift": _shifted,
    "LayerScale": _scaled,
}
