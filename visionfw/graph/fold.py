"""Batch normalization folded into the convolution before it: the same function, fewer layers, for inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import examine
from visionfw.graph.checking.expand import link_name
from visionfw.graph.language.ir import Graph, Link, to_dictionary
from visionfw.graph.language.order import sort_links
from visionfw.graph.language.parser import Functions
from visionfw.layers.facts import facts_of
from visionfw.layers.keras_layers import KERAS_LAYERS

#: id of a folded link -> the convolution and the normalization it replaces.
Pairs = dict[int, tuple[Link, Link]]


def fold_normalization(dictionary: Mapping[str, Any], model: keras.Model, functions: Functions | None = None) -> tuple[dict[str, Any], keras.Model]:
    """Fold every batch normalization that follows a convolution into that convolution.

    Args:
        dictionary: the model's dictionary, any spelling.
        model: what `build` returned for it, trained.
        functions: Python functions that its links may name as blocks.

    Returns:
        The folded dictionary in canonical form, and the folded model: equal to `model` in inference up to rounding.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
        ValueError: the model is not of this dictionary.
    """
    pairs: Pairs = {}
    upscaling = next((layer.scale for layer in model.layers if layer.name == "pre_upsample"), None)
    definition = examine(dictionary, upscaling, functions).definition
    folded = examine(replace(definition, graph=_fold_graph(definition.graph, pairs)))
    result = compile_model(folded)
    links = {call.name: call.link.as_written for call in folded.flat.calls}
    for layer in result.layers:
        if layer.weights:
            layer.set_weights(_weights_for(layer.name, links.get(layer.name), pairs, model))
    return to_dictionary(folded.definition), result


def _weights_for(name: str, link: Link | None, pairs: Pairs, model: keras.Model) -> list[np.ndarray]:
    """Return the weights of a layer of the folded model: those of the model's layer, or of its convolution and normalization."""
    if link is None or id(link) not in pairs:
        return model.get_layer(name).get_weights()
    prefix = name.removesuffix(link_name(link))
    convolution, norm = (model.get_layer(prefix + link_name(one)) for one in pairs[id(link)])
    return _folded_weights(convolution, norm)


def _fold_graph(graph: Graph, pairs: Pairs) -> Graph:
    blocks = {name: _fold_graph(block, pairs) if isinstance(block, Graph) else block for name, block in graph.blocks.items()}
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
    return replace(graph, links=sort_links(links, [node for _, node in graph.inputs]), blocks=blocks)


def _can_fold(convolution: Link, norm: Link) -> bool:
    """Return whether two links are one of Keras' own 2D convolutions, whose kernel is used as it is, and its batch normalization."""
    is_plain = all(link.repeat is None and link.share is None for link in (convolution, norm))
    is_norm = norm.layer == "BatchNormalization" and norm.parameters.get("axis", -1) in (-1, 3)
    is_convolution = convolution.layer in KERAS_LAYERS and KERAS_LAYERS[convolution.layer].kernel_axes.startswith("HW")
    return is_plain and is_norm and is_convolution and convolution.parameters.get("activation") in (None, "linear")


def _folded_weights(convolution: keras.layers.Layer, norm: keras.layers.Layer) -> list[np.ndarray]:
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
