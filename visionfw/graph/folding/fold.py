"""A model as it is run: linear branches and batch normalization folded into single convolutions, weights included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import link_name
from visionfw.graph.folding.affine import evaluate
from visionfw.graph.folding.inline import inlined
from visionfw.graph.folding.normalization import Pairs, fold_pairs, folded_weights
from visionfw.graph.folding.regions import Channels, Region, find_regions
from visionfw.graph.language.ir import Graph, Link, Node, to_dictionary
from visionfw.graph.language.order import sort_links
from visionfw.graph.language.parser import Functions


def fold(dictionary: Mapping[str, Any], model: keras.Model, functions: Functions | None = None) -> tuple[dict[str, Any], keras.Model]:
    """Fold what one convolution can compute into one: batch normalization, and branches of convolutions in series and in parallel.

    Branches that are trained for their own sake (RepVGG, ECBSR, SPAN) become the one convolution that they add up to. Nothing is folded
    where the result would differ at the edge of the image, or would have more weights than before.

    Args:
        dictionary: the model's dictionary, any spelling.
        model: what `build` returned for it, trained.
        functions: Python functions that its links may name as blocks.

    Returns:
        The folded dictionary in canonical form, and the folded model: equal to `model` in inference up to rounding.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
        ValueError: the model is not of this dictionary.

    Reference: Ding et al., RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021.
    """
    upscaling = next((layer.scale for layer in model.layers if layer.name == "pre_upsample"), None)
    definition = examine(dictionary, upscaling, functions).definition
    checked = examine(replace(definition, graph=inlined(definition.graph)))
    folding = _Folding(_channels_of(checked))
    definition = replace(checked.definition, graph=folding.graph(checked.definition.graph), origin=None)
    folded = examine(definition)
    result = compile_model(folded)
    links = {call.name: call.link.as_written for call in folded.flat.calls}
    for layer in result.layers:
        if layer.weights:
            layer.set_weights(folding.weights_for(layer, links.get(layer.name), model))
    return to_dictionary(folded.definition), result


def _channels_of(checked: Checked) -> Channels:
    """Return the channels of every link's first source and target."""
    return {
        id(call.link.as_written): (checked.shapes[call.sources[0]].at[0][-1], checked.shapes[call.target].at[0][-1])
        for call in checked.flat.calls
        if call.sources and call.target in checked.shapes
    }


@dataclass
class _Folding:
    """What of a definition is folded.

    Attributes:
        channels: those of every link.
        regions: the regions that became one convolution, by the id of its link.
        pairs: the convolutions and normalizations that became one, likewise.
    """

    channels: Channels
    regions: dict[int, Region] = field(default_factory=dict)
    pairs: Pairs = field(default_factory=dict)

    def graph(self, graph: Graph) -> Graph:
        """Return a graph with everything folded, in its blocks too."""
        blocks = {name: self.graph(block) if isinstance(block, Graph) else block for name, block in graph.blocks.items()}
        regions = find_regions(graph, self.channels)
        absorbed = {id(link) for region in regions.values() for link in region.tree.links()}
        links = [link for link in graph.links if id(link) not in absorbed]
        links += [self._convolution(target, region) for target, region in regions.items()]
        links = fold_pairs(replace(graph, links=tuple(links)), self.pairs)
        return replace(graph, links=sort_links(links, [node for _, node in graph.inputs]), blocks=blocks)

    def _convolution(self, target: Node, region: Region) -> Link:
        """Return the link that stands for a region."""
        parameters = {
            "filters": self.channels[id(region.tree.link)][1],
            "kernel_size": region.form.size,
            "padding": "same" if region.form.padding else "valid",
            **({} if region.form.has_bias else {"use_bias": False}),
        }
        link = Link("conv", (region.source,), (target,), "Conv2D", parameters, address=region.tree.link.address)
        self.regions[id(link)] = region
        return link

    def weights_for(self, layer: keras.layers.Layer, link: Link | None, model: keras.Model) -> list[np.ndarray]:
        """Return the weights of a layer of the folded model from those of the layers that it stands for."""
        if link is None or id(link) not in {*self.regions, *self.pairs}:
            return model.get_layer(layer.name).get_weights()
        prefix = layer.name.removesuffix(link_name(link))
        if id(link) in self.pairs:
            return folded_weights(*(model.get_layer(prefix + link_name(one)) for one in self.pairs[id(link)]))
        affine = evaluate(self.regions[id(link)].tree, lambda one: model.get_layer(prefix + link_name(one)), layer.kernel.shape[2])
        return [affine.kernel, affine.bias] if layer.use_bias else [affine.kernel]
