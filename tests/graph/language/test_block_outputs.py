"""Blocks of several outputs: one target for each, in every spelling."""

import json

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.graph.checking.check import examine

#: A convolution, its features before and after the activation, and an attention that is computed from them by another convolution.
SPLIT = {
    "outputs": ["out", "raw", "attention"],
    "defaults": {"conv": {"filters": 3}},
    "links": [(0, "Conv2D", "raw"), ("raw", "relu", "out"), ("raw", ["Conv2D", "sigmoid"], "attention")],
}
PAIR = {"inputs": ["a", "b"], "outputs": ["sum", "kept"], "links": [(("a", "b"), "Add", "sum"), ("b", "linear", "kept")]}


def model(*links, **keys):
    return {"name": "x", "scale": 1, "blocks": {"split": SPLIT, "pair": PAIR}, "links": [*links], **keys}


USED = model((0, "split", ("a", "b", "c")), (("a", "b", "c"), "Add", "sr"))


def test_each_target_is_an_output_of_the_block():
    network = vf.build(USED)
    x = np.random.default_rng(0).random((1, 5, 6, 3), np.float32)
    raw = network.get_layer("block_a-conv_raw")(x)
    attention = keras.ops.sigmoid(network.get_layer("block_a-conv_attention_1")(raw))
    np.testing.assert_allclose(network(x), keras.ops.relu(raw) + raw + attention, atol=1e-6)


def test_all_spellings_have_one_canonical_form():
    canonical = vf.canonicalize(USED)
    assert canonical["links"][0] == ["block", [0], ["a", "b", "c"], "split", {}]
    assert canonical["blocks"]["split"]["outputs"] == ["out", "raw", "attention"]
    in_groups = {key: value for key, value in USED.items() if key != "links"}
    in_groups |= {"block": [(0, ("a", "b", "c"))], "block_sub": "split", "merge": [("a", "b", "c", "sr")]}
    in_chain = USED | {"links": [(0, ["split"], ["a", "b", "c"]), USED["links"][1]]}
    for spelled in (in_groups, in_chain, canonical, json.loads(json.dumps(canonical))):
        assert vf.canonicalize(spelled) == canonical


def test_nodes_inside_a_chain_are_named_after_its_first_target():
    d = model((0, ["relu", "split"], (None, "b", "c")), (("b", "c"), "Add", "sr"))
    assert [link[2] for link in vf.canonicalize(d)["links"]] == ["b_1", [None, "b", "c"], "sr"]


def test_an_output_may_be_left_unused_and_what_it_alone_needs_is_not_built():
    d = model((0, "split", ("sr", None, None)))
    assert [layer.name for layer in vf.build(d).layers] == ["lr", "block_sr-conv_raw", "block_sr-activation_out"]
    assert vf.cost(d) == (84, 81 * 1280 * 720, 3)
    assert "attention" in vf.describe(d)
    assert vf.canonicalize(d)["links"] == [["block", [0], ["sr", None, None], "split", {}]]


def test_mistakes_behind_an_unused_output_are_found():
    with pytest.raises(vf.ModelDefinitionError, match="no layer or block 'sigmoyd'"):
        vf.check(model((0, "split", ("sr", None, None)), blocks={"split": SPLIT | {"links": [*SPLIT["links"][:2], ("raw", "sigmoyd", "attention")]}}))


def test_copies_hand_all_outputs_on():
    d = model((0, "relu", "other"), ((0, "other"), "pair", ("sr", None), {"repeat": 3}))
    x = np.random.default_rng(0).random((1, 4, 4, 3), np.float32)
    np.testing.assert_allclose(vf.build(d)(x), 4 * x, atol=1e-5)


def test_outputs_pass_through_blocks_in_blocks():
    outer = {"outputs": ["p", "q"], "links": [(0, "split", ("p", None, "q"))]}
    d = model((0, "outer", ("a", "b")), (("a", "b"), "Multiply", "sr"), blocks={"split": SPLIT, "outer": outer})
    assert vf.build(d)(np.zeros((1, 4, 5, 3), np.float32)).shape == (1, 4, 5, 3)
    assert next(call.name for call in examine(d).flat.calls) == "block_a-block_p-conv_raw"


def test_the_table_the_drawing_and_the_difference_show_all_targets(tmp_path):
    table = vf.describe(USED)
    assert "block 0 -> a, b, c" in table
    vf.draw(USED, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 5_000
    other = USED | {"links": [(0, "split", ("a", "b", None)), (("a", "b"), "Add", "sr")]}
    assert vf.diff(USED, other).splitlines() == [
        "- block (0 -> a, b, c) split",
        "~ merge (a, b -> sr) Add: sources ['a', 'b', 'c'] -> ['a', 'b']",
        "+ block (0 -> a, b, None) split",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"links": [(0, "split", "sr")]}, "x: links[0] (0 -> sr): block 'split' has 3 outputs, but the link has 1 target"),
        ({"links": [(0, "relu", ("sr", None))]}, "x: links[0] (0 -> sr, None): relu has 1 output, but the link has 2 targets"),
        ({"links": [(0, "split", ("sr", None, "loose"))]}, "x: nodes 'loose', 'sr' are never consumed, so the output is not clear; name it with 'outputs'"),
        (
            {"links": [(0, "split", ("sr", None, "loose"))], "outputs": "sr"},
            "x: links[0] (0 -> sr, None, loose): node 'loose' is never consumed and is no output; None in its place says that this output is not used",
        ),
        ({"links": [(0, "split", (None, None, None))]}, "x: links[0]: a link has a target, and tuple (None, None, None) is none"),
        (
            {"links": [(0, "split", ("sr", None, None), {"repeat": 2})]},
            "x: links[0] (0 -> sr, None, None): block 'split' has 3 outputs, but takes 1 source, so its copies cannot stand in series",
        ),
        ({"outputs": ["sr"]}, "x: 'outputs' is a node or {output name: node}, not list ['sr']"),
        (
            {"blocks": {"split": SPLIT | {"outputs": ["out", "raw"]}}},
            "x: blocks['split']: links[2], layer 2 of 2 (attention_1 -> attention): node 'attention' is never",
        ),
        ({"blocks": {"split": SPLIT | {"outputs": ["out", "out", "raw"]}}}, "x: blocks['split']: outputs: node out stands twice"),
        (
            {"blocks": {"split": SPLIT | {"outputs": {"a": "out", "b": "raw"}}}},
            "x: blocks['split']: the outputs of a block are a list of nodes, in the order of a link's targets",
        ),
    ],
)
def test_wrong_targets_and_outputs_are_reported(change, problem):
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(USED | change)
    assert any(line.startswith(problem) for line in caught.value.problems), caught.value.problems
