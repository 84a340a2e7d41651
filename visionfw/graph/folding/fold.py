"""A model as it is run: linear branches and batch normalization folded into single convolutions, weights included."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import link_name
from visionfw.graph.folding.affine import evaluate, layers_kernel
from visionfw.graph.folding.deployed import deployed_origin
from visionfw.graph.folding.inline import inlined
from visionfw.graph.folding.normalization import Pairs, fold_pairs, folded_weights
from visionfw.graph.folding.regions import Channels, Region, find_form, find_regions, source_channels
from visionfw.graph.language.ir import Definition, Graph, Link, Node, Scopes, find_block, to_dictionary
from visionfw.graph.language.order import sort_links
from visionfw.graph.language.parser import Functions


def fold(dictionary: Mapping[str, Any], model: keras.Model, functions: Functions | None = None) -> tuple[dict[str, Any], keras.Model]:
    """Fold what one convolution can compute into one: batch normalization, and branches of convolutions in series and in parallel.

    Branches that are trained for their own sake (RepVGG, ECBSR, SPAN) become the one convolution that they add up to, also where blocks hold
    them. Nothing is folded where the result would differ at the edge of the image, or would have more weights than before.

    Args:
        dictionary: the model's dictionary, any spelling.
        model: what `build` returned for it, trained.
        functions: Python functions that its links may name as blocks.

    Returns:
        The folded dictionary in canonical form, and the folded model: equal to `model` in inference up to rounding. Where they are an
        architecture's own form for inference (`deployed=True`), its weights can be saved under the names of its reference.

    Raises:
        ModelDefinitionError: the dictionary is wrong.
        ValueError: the model is not of this dictionary.

    Reference: Ding et al., RepVGG: Making VGG-style ConvNets Great Again, CVPR 2021.
    """
    checked = _examined(dictionary, model, functions)
    folding = _Folding(_channels_of(checked))
    definition = replace(checked.definition, graph=folding.graph(checked.definition.graph))
    folded = examine(replace(definition, origin=deployed_origin(definition)))
    result = compile_model(folded)
    links = {call.name: call.link.as_written for call in folded.flat.calls}
    for layer in result.layers:
        if layer.weights:
            layer.set_weights(folding.weights_for(layer, links.get(layer.name), model))
    return to_dictionary(folded.definition), result


def fold_blocks(dictionary: Mapping[str, Any] | Definition, model: keras.Model, names: Collection[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the convolution that each of some blocks computes as a whole.

    Args:
        dictionary: the model's dictionary.
        model: what `build` returned for it.
        names: names of blocks as those of the layers inside begin: "block_2-block_c1".

    Returns:
        name -> kernel (rows, columns, inputs, outputs) and bias, float32; without the blocks that are no convolution.
    """
    checked = _examined(dictionary, model, None)
    channels = _channels_of(checked)
    convolutions = {}
    for name, block, scopes in _blocks_used(checked.definition.graph, ()):
        form = find_form(block, channels, scopes) if name in names else None
        inputs = source_channels(form.tree, channels) if form is not None and form.tree is not None else None
        if form is not None and inputs is not None:
            affine = evaluate(form.tree, model.get_layer, f"{name}-", inputs)
            convolutions[name] = affine.kernel.astype(np.float32), affine.bias.astype(np.float32)
    return convolutions


def _examined(dictionary: Mapping[str, Any] | Definition, model: keras.Model, functions: Functions | None) -> Checked:
    """Check the dictionary of a model at the model's scale, registered blocks written out."""
    upscaling = next((layer.scale for layer in model.layers if layer.name == "pre_upsample"), None)
    definition = examine(dictionary, upscaling, functions).definition
    return examine(replace(definition, graph=inlined(definition.graph)))


def _block_names(graph: Graph) -> set[str]:
    """Return the names of the blocks that the links of a graph and of its blocks use."""
    inner = (block for block in graph.blocks.values() if isinstance(block, Graph))
    return {link.layer for link in graph.links if link.group == "block"}.union(*map(_block_names, inner))


def _blocks_used(graph: Graph, scopes: Scopes, prefix: str = "") -> Iterator[tuple[str, Graph, Scopes]]:
    """Yield each use of a block that is a dictionary, by the beginning of the names of its layers, with the blocks that are defined around it."""
    scopes = (graph.blocks, *scopes)
    for link in graph.links:
        block, inner = find_block(link.layer, scopes) if link.group == "block" else (None, scopes)
        if not isinstance(block, Graph):
            continue
        for copy in link.copies:
            name = prefix + link_name(link, copy)
            yield name, block, inner[1:]
            yield from _blocks_used(block, inner[1:], f"{name}-")


def _channels_of(checked: Checked) -> Channels:
    """Return the channels of every link's first source and target; without links that are used with several numbers of channels."""
    uses: dict[int, set[tuple[int, int]]] = {}
    for call in checked.flat.calls:
        if call.sources and call.target in checked.shapes:
            pair = (checked.shapes[call.sources[0]].at[0][-1], checked.shapes[call.target].at[0][-1])
            uses.setdefault(id(call.link.as_written), set()).add(pair)
    return {link: next(iter(pairs)) for link, pairs in uses.items() if len(pairs) == 1}


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

    def graph(self, graph: Graph, scopes: Scopes = ()) -> Graph:
        """Return a graph with everything folded, in its blocks too."""
        inner = (graph.blocks, *scopes)
        blocks = {name: self.graph(block, inner) if isinstance(block, Graph) else block for name, block in graph.blocks.items()}
        regions = find_regions(graph, self.channels, scopes)
        absorbed = {id(link) for region in regions.values() for link in region.tree.links()}
        links = [link for link in graph.links if id(link) not in absorbed]
        links += [self._convolution(target, region) for target, region in regions.items()]
        links = fold_pairs(replace(graph, links=tuple(links)), self.pairs)
        folded = replace(graph, links=sort_links(links, [node for _, node in graph.inputs]), blocks=blocks)
        used = _block_names(folded) | (set(blocks) - _block_names(graph))
        return replace(folded, blocks={name: block for name, block in blocks.items() if name in used})

    def _convolution(self, target: Node, region: Region) -> Link:
        """Return the link that stands for a region."""
        form = region.form
        is_depthwise = 1 < form.groups == region.inputs
        parameters = {
            **({} if is_depthwise else {"filters": region.outputs}),
            "kernel_size": form.size[0] if form.size[0] == form.size[1] else list(form.size),
            "padding": "same" if any(form.padding) or form.size == (1, 1) else "valid",
            **({"groups": form.groups} if 1 < form.groups < region.inputs else {}),
            **({"depth_multiplier": region.outputs // region.inputs} if is_depthwise and region.outputs > region.inputs else {}),
            **({} if form.has_bias else {"use_bias": False}),
        }
        layer = "DepthwiseConv2D" if is_depthwise else "Conv2D"
        link = Link("conv", (region.source,), (target,), layer, parameters, address=region.tree.link.address)
        self.regions[id(link)] = region
        return link

    def weights_for(self, layer: keras.layers.Layer, link: Link | None, model: keras.Model) -> list[np.ndarray]:
        """Return the weights of a layer of the folded model from those of the layers that it stands for."""
        if link is None or id(link) not in {*self.regions, *self.pairs}:
            return model.get_layer(layer.name).get_weights()
        prefix = layer.name.removesuffix(link_name(link))
        if id(link) in self.pairs:
            return folded_weights(*(model.get_layer(prefix + link_name(one)) for one in self.pairs[id(link)]))
        region = self.regions[id(link)]
        affine = evaluate(region.tree, model.get_layer, prefix, region.inputs)
        return [layers_kernel(affine.kernel, layer), affine.bias] if layer.use_bias else [layers_kernel(affine.kernel, layer)]
