"""Branches of linear layers folded into one convolution: the same function up to the image's edge, or nothing is folded."""

import itertools

import numpy as np
import pytest

import visionfw as vf

FILTERS = 3


def randomized(model, seed=0):
    random = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.5, 2) if "variance" in weight.path else (-1, 1)
        weight.assign(random.uniform(low, high, weight.shape))
    return model


def folded(links, blocks=None, seed=0):
    """Build links with random weights, fold them, and compare both on an image that is mostly edge; return the folded links."""
    d = {"name": "x", "scale": 1, "defaults": {"conv": {"filters": FILTERS}}, "links": links, **({"blocks": blocks} if blocks else {})}
    model = randomized(vf.build(d), seed)
    dictionary, folded_model = vf.fold(d, model)
    x = np.random.default_rng(1).normal(size=(2, 5, 4, 3)).astype(np.float32)
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(folded_model(x, training=False), expected, atol=1e-5 * np.ptp(expected))
    assert vf.cost(dictionary).params <= vf.cost(d).params
    return [link[3] for link in dictionary["links"]], dictionary


HEAD = (0, "Conv2D", "a", {"activation": "relu"})
#: Branches from node a, which has FILTERS channels, to a node of the name in braces.
BRANCHES = {
    "identity": [("a", "linear", "{}")],
    "1x1": [("a", "Conv2D", "{}", {"kernel_size": 1})],
    "3x3": [("a", "Conv2D", "{}", {"use_bias": False})],
    "3x3 and normalization": [("a", ["Conv2D", "BatchNormalization"], "{}")],
    "normalization": [("a", "BatchNormalization", "{}")],
    "wide 1x1, 3x3, 1x1": [
        (
            "a",
            [
                "ZeroPadding2D",
                ("Conv2D", {"kernel_size": 1, "filters": 8, "padding": "valid"}),
                ("Conv2D", {"padding": "valid", "filters": 8}),
                ("Conv2D", {"kernel_size": 1, "padding": "valid"}),
            ],
            "{}",
        )
    ],
    "1x1 and a scaled depthwise 3x3": [
        ("a", ["ZeroPadding2D", ("Conv2D", {"kernel_size": 1, "padding": "valid"}), ("DepthwiseConv2D", {"padding": "valid", "kernel_size": 3})], "{}")
    ],
    "groups": [("a", "Conv2D", "{}", {"groups": 3})],
    "1x3": [("a", "Conv2D", "{}", {"kernel_size": [1, 3]})],
    "3x1": [("a", [("ZeroPadding2D", {"padding": [1, 0]}), ("Conv2D", {"kernel_size": [3, 1], "padding": "valid"})], "{}")],
    "depthwise 3x3": [("a", ["DepthwiseConv2D", "BatchNormalization"], "{}")],
    "scaled": [("a", ["Conv2D", ("Rescaling", {"scale": 0.2, "offset": 0.1}), "LayerScale"], "{}")],
}
#: Branches with a whole 3x3 kernel, beside which nothing grows, and those of one pixel.
DENSE = {"3x3", "3x3 and normalization", "wide 1x1, 3x3, 1x1", "scaled"}
POINTWISE = {"identity", "1x1", "normalization"}


def branches(*names):
    """Return the links of branches side by side and their sum."""
    links = []
    for number, name in enumerate(names):
        for source, layer, target, *rest in BRANCHES[name]:
            links.append((source, layer, target.format(f"branch_{number}"), *rest))
    return [HEAD, *links, (tuple(f"branch_{number}" for number in range(len(names))), "Add", "sum"), ("sum", "ReLU", "sr")]


@pytest.mark.parametrize("names", [*itertools.combinations(BRANCHES, 2), tuple(BRANCHES)], ids=" + ".join)
def test_parallel_branches_become_one_convolution(names):
    layers, dictionary = folded(branches(*names))
    if DENSE & set(names) or (set(names) <= POINTWISE and "1x1" in names):
        assert layers == ["Conv2D", "Conv2D", "ReLU"]
        assert dictionary["links"][1][4]["kernel_size"] == (3 if DENSE & set(names) else 1)


@pytest.mark.parametrize(
    ("links", "why"),
    [
        ([HEAD, ("a", ["Conv2D", "Conv2D"], "sr")], "the zeros around the second convolution are not zeros of the image"),
        ([HEAD, ("a", [("Conv2D", {"kernel_size": 1}), "Conv2D"], "sr")], "nor are they behind a bias"),
        ([HEAD, ("a", [("Conv2D", {"padding": "valid"}), ("Conv2D", {"padding": "valid"})], "b"), ("b", "UpSampling2D", "sr")], "5x5 has more weights"),
        ([HEAD, ("a", [("Conv2D", {"kernel_size": 1, "filters": 1}), ("Conv2D", {"kernel_size": 1})], "sr")], "a bottleneck has fewer weights"),
        ([HEAD, ("a", ["Conv2D", "ReLU", "Conv2D"], "sr")], "an activation is between"),
        ([HEAD, ("a", [("DepthwiseConv2D", {"kernel_size": 3}), ("Conv2D", {"kernel_size": 1})], "sr")], "separable convolutions have fewer weights"),
    ],
)
def test_what_would_differ_or_grow_stays(links, why):
    d = {"name": "x", "defaults": {"conv": {"filters": FILTERS}}, "links": links}
    dictionary, _ = vf.fold(d, randomized(vf.build(d)))
    assert dictionary["links"] == vf.canonicalize(d)["links"], why


def test_a_node_that_others_read_ends_a_region():
    layers, _ = folded([HEAD, ("a", "Conv2D", "b"), (("a", "b"), "Add", "sum"), (("b", "sum"), "Multiply", "sr")])
    assert layers == ["Conv2D", "Conv2D", "Add", "Multiply"]


def test_the_copies_of_a_block_fold_each_with_its_own_weights():
    rep = {"links": [(0, "Conv2D", 1), (0, "Conv2D", 2, {"kernel_size": 1}), ((0, 1, 2), "Add", 3), (3, "ReLU", 4)]}
    layers, dictionary = folded([HEAD, ("a", "rep", "body", {"repeat": 3}), ("body", "Conv2D", "sr")], {"rep": rep})
    assert [link[3] for link in dictionary["blocks"]["rep"]["links"]] == ["Conv2D", "ReLU"]
    assert layers == ["Conv2D", "rep", "Conv2D"]


def test_span_as_it_is_trained_folds_to_the_size_at_which_it_is_run():
    d = vf.definition("span", scale=2)
    model = vf.build(d)
    dictionary, run = vf.fold(d, model)
    assert vf.cost(dictionary).params == vf.cost(vf.definition("span", scale=2, deployed=True)).params == 410_700
    x = np.random.default_rng(1).random((1, 9, 8, 3), np.float32)
    np.testing.assert_allclose(run(x), model(x), atol=1e-4 * np.ptp(model(x)))


def test_registered_blocks_are_folded_inside(restored):
    from visionfw.graph.language.blocks import BLOCKS

    def repeated(filters=3):
        return {"links": [(0, "Conv2D", 1, {"filters": filters}), (1, "BatchNormalization", 2), ((0, 2), "Add", 3), (3, "ReLU", 4)]}

    restored(BLOCKS)
    vf.register_block(repeated)
    layers, dictionary = folded([HEAD, ("a", "repeated", "body", {"repeat": 2}), ("body", "repeated", "more"), ("more", "Conv2D", "sr")])
    assert [link[3] for link in dictionary["blocks"]["repeated_1"]["links"]] == ["Conv2D", "ReLU"]
    assert layers == ["Conv2D", "repeated_1", "repeated_2", "Conv2D"]


def test_blocks_that_are_convolutions_as_a_whole_join_the_branches_beside_them():
    normalized = {"links": [(0, ["Conv2D", "BatchNormalization"], "out")]}
    pointwise = {"links": [(0, [("Conv2D", {"kernel_size": 1}), "BatchNormalization"], "out")]}
    links = [HEAD, ("a", "normalized", "b"), ("a", "pointwise", "c"), ("a", "BatchNormalization", "d"), (("b", "c", "d"), "Add", "e"), ("e", "ReLU", "sr")]
    layers, dictionary = folded(links, {"normalized": normalized, "pointwise": pointwise})
    assert layers == ["Conv2D", "Conv2D", "ReLU"]
    assert "blocks" not in dictionary


def test_depthwise_branches_become_one_depthwise_convolution():
    links = [
        HEAD,
        ("a", ["DepthwiseConv2D", "BatchNormalization"], "b"),
        ("a", ["BatchNormalization"], "c"),
        (("a", "b", "c"), "Add", "d"),
        ("d", "ReLU", "sr"),
    ]
    layers, dictionary = folded(links)
    assert layers == ["Conv2D", "DepthwiseConv2D", "ReLU"]
    assert dictionary["links"][1][4] == {"kernel_size": 3, "padding": "same"}


def test_what_the_last_layers_add_or_subtract_joins_their_convolution():
    shift = {"mean": [0.1, 0.2, 0.3], "sign": 1}
    layers, _ = folded([HEAD, ("a", "Conv2D", "b"), (("b", "a"), "Subtract", "c"), ("c", "MeanShift", "sr", shift)])
    assert layers == ["Conv2D", "Conv2D"]


def test_a_block_that_is_used_at_several_widths_stays():
    """What it would fold to at three channels is no layer at one."""
    block = {"links": [(0, "DepthwiseConv2D", 1), (0, ["EdgeFilter", ("ZeroPadding2D", {"padding": 1})], 2), ((0, 1, 2), "Add", 3), (3, "ReLU", 4)]}
    links = [HEAD, ("a", "block", "b"), ("b", "Conv2D", "c", {"filters": 1}), ("c", "block", "d"), ("d", "Conv2D", "sr")]
    _, dictionary = folded(links, {"block": block})
    assert dictionary["blocks"] == vf.canonicalize({"name": "x", "links": links, "blocks": {"block": block}})["blocks"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dat", "rcan", "realplksr"])
def test_whole_architectures_fold_to_the_same_function(name):
    from test_model_defs import SMALL

    d = vf.definition(name, **SMALL[name])
    model = vf.build(d)
    random = np.random.default_rng(0)
    for weight in model.weights:
        if "moving" in weight.path or "gamma" in weight.path:
            weight.assign(random.uniform(0.5, 2, weight.shape))
    _, run = vf.fold(d, model)
    x = np.random.default_rng(1).random((1, 17, 13, 3), np.float32)
    expected = np.asarray(model(x, training=False))
    np.testing.assert_allclose(run(x, training=False), expected, atol=1e-4 * np.ptp(expected))
    assert not any(type(layer).__name__ == "BatchNormalization" for layer in run.layers)
