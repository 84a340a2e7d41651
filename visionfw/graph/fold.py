"""Batch normalization folded into the convolution before it: the same function, fewer layers, for inference."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import examine
from visionfw.graph.checking.expand import link_name
from visionfw.graph.checking.functions import functions_of
from visionfw.graph.language.ir import Function, Graph, Link, as_json
from visionfw.graph.language.order import sort_links

_FOLDABLE = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D")
#: id of a folded link -> the convolution and the normalization it replaces.
Pairs = dict[int, tuple[Link, Link]]


def fold_normalization(dictionary: Mapping[str, Any], model: keras.Model) -> tuple[dict[str, Any], keras.Model]:
    """Fold every batch normalization that follows a convolution into that convolution.

    Args:
        dictionary: the model's dictionary, any spelling.
        model: what `build` made of it, trained.

    Returns:
        The folded dictionary in normal form, and the folded model: equal to `model` in inference up to rounding.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
        ValueError: the model is not of this dictionary.
    """
    functions = functions_of(sys._getframe(1), dictionary)
    pairs: Pairs = {}
    enlarged = next((layer.scale for layer in model.layers if layer.name == "pre_upsample"), None)
    definition = examine(dictionary, enlarged, functions).definition
    folded = replace(definition, graph=_fold_graph(definition.graph, pairs))
    checked = examine(folded, None, functions)
    made = compile_model(checked)
    calls = {call.name: call for call in checked.expanded.calls}
    for layer in made.layers:
        if not layer.weights:
            continue
        call = calls.get(layer.name)
        pair = pairs.get(id(call.link)) if call else None
        if pair is None:
            layer.set_weights(model.get_layer(layer.name).get_weights())
        else:
            prefix = layer.name.removesuffix(link_name(call.link))
            convolution, norm = (model.get_layer(prefix + link_name(link)) for link in pair)
            layer.set_weights(_folded_weights(convolution, norm))
    return as_json(folded), made


def _fold_graph(graph: Graph, pairs: Pairs) -> Graph:
    blocks = {name: block if isinstance(block, Function) else _fold_graph(block, pairs) for name, block in graph.blocks.items()}
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
        merged = replace(convolution, target=norm.target, parameters={**convolution.parameters, "use_bias": True})
        links = [merged if link is convolution else link for link in links if link is not norm]
        pairs[id(merged)] = (convolution, norm)
    return replace(graph, links=sort_links(links, [node for _, node in graph.inputs]), blocks=blocks)


def _can_fold(convolution: Link, norm: Link) -> bool:
    plain = all(link.repeat is None and link.share is None for link in (convolution, norm))
    is_norm = norm.layer == "BatchNormalization" and norm.parameters.get("axis", -1) in (-1, 3)
    return plain and is_norm and convolution.layer in _FOLDABLE and convolution.parameters.get("activation") in (None, "linear")


def _folded_weights(convolution: keras.layers.Layer, norm: keras.layers.Layer) -> list[np.ndarray]:
    """Return kernel and bias of the convolution with the normalization's scale and shift worked in."""
    kernel, *rest = convolution.get_weights()
    mean, variance = (keras.ops.convert_to_numpy(value) for value in (norm.moving_mean, norm.moving_variance))
    gamma = keras.ops.convert_to_numpy(norm.gamma) if norm.scale else np.ones_like(mean)
    beta = keras.ops.convert_to_numpy(norm.beta) if norm.center else np.zeros_like(mean)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    bias = ((rest[0] if rest else 0.0) - mean) * scale + beta
    if isinstance(convolution, keras.layers.DepthwiseConv2D):
        return [kernel * scale.reshape(kernel.shape[2:]), bias]
    if isinstance(convolution, keras.layers.Conv2DTranspose):
        return [kernel * scale[:, None], bias]
    return [kernel * scale, bias]
