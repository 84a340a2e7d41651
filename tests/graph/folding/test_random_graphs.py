"""Folding of random graphs of linear and other layers: every output is the same up to the image's edge, and nothing grows."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import visionfw as vf

BLOCKS = {
    "normalized": {"links": [(0, ["Conv2D", "BatchNormalization"], "out")]},
    "rep": {"links": [(0, "normalized", 1), (0, "Conv2D", 2, {"kernel_size": 1}), (0, "BatchNormalization", 3), ((1, 2, 3), "Add", "sum")]},
    "active": {"links": [(0, "rep", 1), (1, "ReLU", 2), (2, "rep", 3), ((2, 3), "Add", "sum")]},
}
COUNTS = st.sampled_from([1, 3, 6])
SIDES = st.sampled_from([1, 2, 3, 5, [1, 3], [3, 1]])


@st.composite
def layers(draw, channels):
    """Draw a layer for an image of so many channels: its name, its parameters, and the channels behind it."""
    kind = draw(st.sampled_from(["Conv2D", "Conv2D", "DepthwiseConv2D", "scale", "zeros", "ReLU", *(["block"] if channels == 3 else [])]))
    padding = draw(st.sampled_from(["same", "valid"]))
    if kind == "Conv2D":
        filters = draw(COUNTS)
        groups = 3 if channels % 3 == 0 and filters % 3 == 0 and draw(st.booleans()) else 1
        parameters = {"filters": filters, "kernel_size": draw(SIDES), "padding": padding, "groups": groups, "use_bias": draw(st.booleans())}
        return kind, parameters, filters
    if kind == "DepthwiseConv2D":
        multiplier = draw(st.sampled_from([1, 2]))
        return kind, {"kernel_size": draw(SIDES), "padding": padding, "depth_multiplier": multiplier}, channels * multiplier
    if kind == "scale":
        offset = draw(st.sampled_from([0.0, 0.3]))
        return *draw(
            st.sampled_from([("Rescaling", {"scale": 0.5, "offset": offset}), ("LayerScale", {}), ("BatchNormalization", {}), ("linear", {})])
        ), channels
    if kind == "zeros":
        return "ZeroPadding2D", {"padding": draw(st.sampled_from([1, [1, 0], [[0, 1], [1, 1]]]))}, channels
    if kind == "block":
        return draw(st.sampled_from(sorted(BLOCKS))), {}, 3
    return kind, {}, channels


@st.composite
def graphs(draw):
    """Draw a dictionary whose every unread node leads to an output."""
    links, channels = [(0, "Conv2D", 1, {"activation": "relu"})], {1: 3}
    for node in range(2, draw(st.integers(4, 9))):
        source = draw(st.sampled_from(sorted(channels)))
        if draw(st.integers(0, 3)) == 0 and source > 1:  # a sum with the node before a layer of the same size, where there is one
            previous = links[source - 1]
            if previous[1] in ("linear", "BatchNormalization", "LayerScale", "ReLU"):
                links.append(((source, previous[0]), draw(st.sampled_from(["Add", "Subtract", "Average"])), node))
                channels[node] = channels[source]
                continue
        layer, parameters, channels[node] = draw(layers(channels[source]))
        links.append((source, layer, node, parameters))
    read = {source for link in links for source in (link[0] if isinstance(link[0], tuple) else (link[0],))}
    unread = [node for node in channels if node not in read]
    links += [(node, ["ReLU", ("Conv2D", {"kernel_size": 1})], f"out_{node}") for node in unread]
    outputs = {f"out_{node}": f"out_{node}" for node in unread}
    return {"name": "x", "defaults": {"conv": {"filters": 3}}, "blocks": BLOCKS, "links": links, "outputs": outputs}


@pytest.mark.slow
@settings(max_examples=40)
@given(graphs(), st.integers(0, 99))
def test_every_output_of_a_folded_graph_is_the_same(d, seed):
    model = vf.build(d)
    random = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.5, 2) if "variance" in weight.path else (-1, 1)
        weight.assign(random.uniform(low, high, weight.shape))
    dictionary, folded = vf.fold(d, model)
    x = random.normal(size=(1, 14, 13, 3)).astype(np.float32)
    for ours, theirs in zip(outputs_of(folded, x), outputs_of(model, x), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * max(np.ptp(theirs), 1e-3))
    assert kernel_weights(folded) <= kernel_weights(model)
    assert dictionary == vf.canonicalize(dictionary)


def kernel_weights(model):
    return sum(math.prod(weight.shape) for weight in model.weights if len(weight.shape) == 4)


def outputs_of(model, x):
    """Return a model's outputs in the order of their names."""
    made = model(x, training=False)
    return [keras.ops.convert_to_numpy(made[name]) for name in sorted(made)] if isinstance(made, dict) else [keras.ops.convert_to_numpy(made)]
