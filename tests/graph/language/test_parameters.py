"""Parameters of blocks, and of the copies of a repeated link: what they stand for, where they are seen, and how they are written."""

import json

import numpy as np
import pytest

import visionfw as vf
from visionfw.graph.checking.check import examine
from visionfw.graph.language.parameters import fill, references

WIDE = {"parameters": {"filters": 8, "size": 3}, "links": [(0, "Conv2D", 1, {"filters": "$filters", "kernel_size": ["$size", "$size"]})]}
SWIN = {"parameters": {"shift": 0}, "links": [(0, "WindowAttention", "a", {"heads": 2, "window": 4, "shift": "$shift"}), ((0, "a"), "Add", "sum")]}


def model(*links, **keys):
    return {"name": "x", "scale": 1, "links": [*links], **keys}


def layers(d):
    return {layer.name: layer for layer in vf.build(d).layers}


def test_a_link_sets_the_parameters_of_its_block_and_defaults_stand_for_the_others():
    d = model((0, "wide", "a"), ("a", "wide", "b", {"filters": 4, "size": 1}), ("b", "wide", "sr", {"filters": 3}), blocks={"wide": WIDE})
    made = layers(d)
    facts = [(made[name].filters, made[name].kernel_size) for name in ("block_a-conv_1", "block_b-conv_1", "block_sr-conv_1")]
    assert facts == [(8, (3, 3)), (4, (1, 1)), (3, (3, 3))]
    assert vf.cost(d).params == 27 * 8 + 8 + 8 * 4 + 4 + 36 * 3 + 3


def test_the_canonical_form_holds_references_and_is_read_back_to_itself():
    canonical = vf.canonicalize(model((0, "wide", "sr", {"filters": 3}), blocks={"wide": WIDE}))
    assert canonical["blocks"]["wide"]["parameters"] == {"filters": 8, "size": 3}
    assert canonical["blocks"]["wide"]["links"] == [["conv", [0], 1, "Conv2D", {"filters": "$filters", "kernel_size": ["$size", "$size"], "padding": "same"}]]
    assert vf.canonicalize(json.loads(json.dumps(canonical))) == canonical


def test_copies_may_differ():
    d = model((0, "Conv2D", "f", {"filters": 4}), ("f", "swin", "body", {"repeat": [{"shift": 0}, {"shift": 2}, {}]}), ("body", "Conv2D", "sr", {"filters": 3}))
    d["blocks"] = {"swin": SWIN}
    made = layers(d)
    assert [made[f"block_body-{copy}-layer_a"].shift for copy in range(3)] == [0, 2, 0]
    canonical = vf.canonicalize(d)
    assert canonical["links"][1][4] == {"repeat": [{"shift": 0}, {"shift": 2}, {}]}
    assert vf.canonicalize(json.loads(json.dumps(canonical))) == canonical


def test_copies_of_a_layer_may_differ_too():
    made = layers(model((0, "Conv2D", "sr", {"kernel_size": 1, "repeat": [{"filters": 8}, {"filters": 6, "kernel_size": 5}, {"filters": 3}]})))
    assert [(made[f"conv_sr-{copy}"].filters, made[f"conv_sr-{copy}"].kernel_size) for copy in range(3)] == [(8, (1, 1)), (6, (5, 5)), (3, (1, 1))]


def test_the_number_of_copies_can_be_a_parameter():
    block = {"parameters": {"copies": 2}, "links": [(0, "Conv2D", "out", {"filters": 3, "repeat": "$copies"})]}
    names = list(layers(model((0, "b", 1), (1, "b", 2, {"copies": 1}), (2, "b", 3, {"copies": [{"filters": 5}, {}]}), blocks={"b": block})))
    assert names == ["lr", "block_1-conv_out-0", "block_1-conv_out-1", "block_2-conv_out-0", "block_3-conv_out-0", "block_3-conv_out-1"]


def test_blocks_inside_a_block_see_its_parameters_and_may_hide_them():
    inner = {"links": [(0, "Conv2D", 1, {"filters": "$filters"})]}
    hiding = {"parameters": {"filters": "$filters", "more": 1}, "links": [(0, "Conv2D", 1, {"filters": "$filters", "kernel_size": "$more"})]}
    outer = {
        "parameters": {"filters": 4},
        "blocks": {"inner": inner, "hiding": hiding},
        "links": [(0, "inner", "a"), ("a", "hiding", "b"), ("b", "hiding", "c", {"filters": 6})],
    }
    made = layers(model((0, "outer", "x", {"filters": 5}), ("x", "Conv2D", "sr", {"filters": 3}), blocks={"outer": outer}))
    assert [made[f"block_x-block_{node}-conv_1"].filters for node in "abc"] == [5, 5, 6]


def test_a_parameter_may_be_a_default_of_the_blocks_groups():
    block = {"parameters": {"filters": 8}, "defaults": {"conv": {"filters": "$filters"}}, "links": [(0, ["Conv2D", "ReLU", "Conv2D"], "out")]}
    made = layers(model((0, "b", "sr", {"filters": 3}), blocks={"b": block}))
    assert [made[name].filters for name in ("block_sr-conv_out_1", "block_sr-conv_out")] == [3, 3]


def test_parameters_reach_registered_blocks_and_functions(restored):
    def scaled(tensors, factor=1.0):
        return tensors[0] * factor

    block = {
        "parameters": {"scale": 2, "factor": 1.0},
        "links": [(0, "pixel_shuffle_upsampler", "up", {"scale": "$scale", "filters": 3}), ("up", "scaled", "out", {"factor": "$factor"})],
    }
    d = model((0, "b", "large"), ("large", "b", "sr", {"factor": 0.0}), blocks={"b": block, "scaled": scaled}) | {"scale": 4}
    made = vf.build(d)(np.ones((1, 3, 4, 3), np.float32))
    assert made.shape == (1, 12, 16, 3)
    assert not np.any(made)


def test_copies_with_equal_parameters_are_analyzed_once():
    d = model((0, "b", "sr", {"repeat": [{"size": 3}, {"size": 1}, {"size": 3}, {"size": 1}], "filters": 3}), blocks={"b": WIDE})
    links = {id(call.link) for call in examine(d).flat.calls}
    assert len(links) == 2


def test_normalization_is_folded_inside_blocks_with_parameters():
    block = {"parameters": {"filters": 4}, "links": [(0, ["Conv2D", "BatchNormalization", "ReLU"], "out")], "defaults": {"conv": {"filters": "$filters"}}}
    d = model((0, "b", "a"), ("a", "b", "c", {"filters": 6}), ("c", "Conv2D", "sr", {"filters": 3}), blocks={"b": block})
    network = vf.build(d)
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.2, 1, weight.shape) for weight in network.get_weights()])
    x = random.random((1, 6, 5, 3), np.float32)
    dictionary, folded = vf.fold(d, network)
    assert dictionary["blocks"]["b"]["parameters"] == {"filters": 4}
    assert not any("norm" in layer.name for layer in folded.layers)
    np.testing.assert_allclose(folded(x), network(x, training=False), rtol=1e-4)


def test_an_initializer_and_the_table_and_the_drawing_go_through_blocks_with_parameters(tmp_path):
    d = model((0, "Conv2D", "f", {"filters": 4}), ("f", "swin", "body", {"repeat": [{"shift": 0}, {"shift": 2}]}), ("body", "Conv2D", "sr", {"filters": 3}))
    d["blocks"] = {"swin": SWIN}
    table = vf.describe(d)
    assert "swin x2 (shift=0/2)" in table
    assert "WindowAttention(heads=2, window=4, shift=0)" in table
    vf.draw(d, tmp_path / "x.svg")
    text = (tmp_path / "x.svg").read_text()
    assert "<!-- swin  x 2 (shift=0/2) -->" in text and "<!-- swin (shift=0) -->" in text


def test_shared_copies_must_still_be_the_same_layer():
    d = model((0, "b", "sr", {"repeat": [{"size": 3}, {"size": 1}], "filters": 3, "share": "s"}), blocks={"b": WIDE})
    with pytest.raises(vf.ModelDefinitionError, match=r"shares weights with .*kernel_size=\[3, 3\]"):
        vf.check(d)


def test_a_block_that_contains_itself_with_other_parameters_is_refused():
    block = {"parameters": {"size": 3}, "links": [(0, "Conv2D", 1, {"kernel_size": "$size"}), (1, "b", 2, {"size": 1})]}
    with pytest.raises(vf.ModelDefinitionError, match="block 'b' contains itself"):
        vf.check(model((0, "b", "sr"), blocks={"b": block}))


def test_references_are_found_and_filled_at_any_depth():
    value = {"a": ["$x", {"b": "$y"}], "c": "x", "d": ("$z",)}
    assert list(references(value)) == ["x", "y", "z"]
    assert fill(value, {"x": 1, "y": [2]}) == {"a": [1, {"b": [2]}], "c": "x", "d": ("$z",)}
