"""The one convolution that a region of linear layers computes, from the layers' weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from visionfw.graph.folding.regions import Tree
from visionfw.graph.language.ir import Link
from visionfw.layers.edges import FILTERS, EdgeFilter

#: Link -> the layer that holds its weights.
LayerOf = Callable[[Link], keras.layers.Layer]


@dataclass(frozen=True)
class Affine:
    """A map of images: a convolution without padding of its own, and a bias.

    Attributes:
        kernel: (side, side, inputs, outputs), float64.
        bias: (outputs,), float64.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def scaled(self, factor: np.ndarray, offset: np.ndarray) -> Affine:
        """Return `factor * this + offset`, by output channel."""
        return Affine(self.kernel * factor, self.bias * factor + offset)


def evaluate(tree: Tree | None, layer_of: LayerOf, channels: int) -> Affine:
    """Return what a region computes from its source of so many channels."""
    if tree is None:
        return Affine(np.eye(channels)[None, None], np.zeros(channels))
    operands = [evaluate(operand, layer_of, channels) for operand in tree.operands]
    if tree.link.layer == "Add":
        return _sum(operands)
    if tree.link.layer in ("ZeroPadding2D", "Identity", "linear"):  # zeros are around the source, see regions.Form
        return operands[0]
    return _APPLIED[tree.link.layer](operands[0], layer_of(tree.link))


def _sum(operands: list[Affine]) -> Affine:
    side = max(len(one.kernel) for one in operands)
    total = sum(np.pad(one.kernel, [((side - len(one.kernel)) // 2,) * 2] * 2 + [(0, 0)] * 2) for one in operands)
    return Affine(np.asarray(total), np.asarray(sum(one.bias for one in operands)))


def _convolved(operand: Affine, layer: keras.layers.Layer) -> Affine:
    kernel = full_kernel(layer)
    return _composed(operand, kernel, _array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1]))


def _filtered(operand: Affine, layer: EdgeFilter) -> Affine:
    scale = _array(layer.scale).ravel()
    kernel = FILTERS[layer.kind].astype(np.float64)[:, :, None, None] * np.diag(scale)
    return _composed(operand, kernel, _array(layer.bias))


def _composed(operand: Affine, kernel: np.ndarray, bias: np.ndarray) -> Affine:
    """Return a convolution without padding behind an affine map."""
    side, own = len(operand.kernel), len(kernel)
    composed = np.zeros((side + own - 1, side + own - 1, operand.kernel.shape[2], kernel.shape[-1]))
    for row in range(own):
        for column in range(own):
            composed[row : row + side, column : column + side] += operand.kernel @ kernel[row, column]
    return Affine(composed, operand.bias @ kernel.sum((0, 1)) + bias)


def full_kernel(layer: keras.layers.Layer) -> np.ndarray:
    """Return the kernel of a convolution as (side, side, inputs, outputs), those of groups and depthwise ones with zeros filled in."""
    kernel = _array(layer.kernel)
    rows, columns, inputs, outputs = kernel.shape
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        full = np.zeros((rows, columns, inputs, inputs * outputs))
        for channel in range(inputs):
            full[:, :, channel, channel * outputs : (channel + 1) * outputs] = kernel[:, :, channel]
        return full
    if layer.groups == 1:
        return kernel
    full = np.zeros((rows, columns, inputs * layer.groups, outputs))
    width = outputs // layer.groups
    for group in range(layer.groups):
        full[:, :, group * inputs : (group + 1) * inputs, group * width : (group + 1) * width] = kernel[..., group * width : (group + 1) * width]
    return full


def _normalized(operand: Affine, layer: keras.layers.Layer) -> Affine:
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    factor = (_array(layer.gamma) if layer.scale else 1.0) / np.sqrt(variance + layer.epsilon)
    return operand.scaled(factor, (_array(layer.beta) if layer.center else 0.0) - mean * factor)


def _rescaled(operand: Affine, layer: keras.layers.Layer) -> Affine:
    return operand.scaled(np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64))


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
    "LayerScale": _scaled,
}
