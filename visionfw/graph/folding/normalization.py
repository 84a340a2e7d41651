"""Batch normalization behind any convolution of Keras, transposed and strided ones too: scale and shift multiplied into its kernel and bias."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from visionfw.graph.language.ir import Graph, Link
from visionfw.layers.facts import facts_of
from visionfw.layers.keras_layers import KERAS_LAYERS

#: id of a folded link -> the convolution and the normalization it replaces.
Pairs = dict[int, tuple[Link, Link]]


def fold_pairs(graph: Graph, pairs: Pairs) -> list[Link]:
    """Return a graph's links with each convolution and the batch normalization behind it as one; `pairs` is filled with them."""
    by_target = {link.target: link for link in graph.links}
    uses = [source for link in graph.links for source in link.sources] + [node for _, node in graph.outputs]
    tags = {link.share for link in graph.links}
    links = list(graph.links)
    for norm in graph.links:
        convolution = by_target.get(norm.sources[0])
        if str(norm.target) in tags:  # the convolution's new name would be that of a shared one
            continue
        if convolution is None or uses.count(convolution.target) != 1 or not _can_fold(convolution, norm):
            continue
        merged = replace(convolution, targets=norm.targets, parameters={**convolution.parameters, "use_bias": True})
        links = [merged if link is convolution else link for link in links if link is not norm]
        pairs[id(merged)] = (convolution, norm)
    return links


def _can_fold(convolution: Link, norm: Link) -> bool:
    """Return whether two links are one of Keras' own 2D convolutions, whose kernel is used as it is, and its batch normalization."""
    is_plain = all(link.repeat is None and link.share is None for link in (convolution, norm))
    is_norm = norm.layer == "BatchNormalization" and norm.parameters.get("axis", -1) in (-1, 3)
    is_convolution = convolution.layer in KERAS_LAYERS and KERAS_LAYERS[convolution.layer].kernel_axes.startswith("HW")
    return is_plain and is_norm and is_convolution and convolution.parameters.get("activation") in (None, "linear")


def folded_weights(convolution: keras.layers.Layer, norm: keras.layers.Layer) -> list[np.ndarray]:
    """Return kernel and bias of a convolution with the normalization's scale and shift multiplied in."""
    kernel, *rest = convolution.get_weights()
    mean, variance = (keras.ops.convert_to_numpy(value) for value in (norm.moving_mean, norm.moving_variance))
    gamma = keras.ops.convert_to_numpy(norm.gamma) if norm.scale else np.ones_like(mean)
    beta = keras.ops.convert_to_numpy(norm.beta) if norm.center else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    bias = ((rest[0] if rest else 0.0) - mean) * scale + beta
    return [kernel * _along_outputs(scale, kernel.shape, facts_of(convolution).kernel_axes), bias]


def _along_outputs(scale: np.ndarray, shape: tuple[int, ...], axes: str) -> np.ndarray:
    """Return one factor per output channel in a shape that multiplies a kernel: its outputs are O, or I x M of a depthwise one."""
    outputs = "O" if "O" in axes else "IM"
    return scale.reshape([size if axis in outputs else 1 for axis, size in zip(axes, shape, strict=True)])
