"""Rows and chains: other spellings of the same links."""

import json

import pytest

import visionfw as vf
from visionfw.graph.checking.check import examine
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.parser import canonicalize, parse
from visionfw.layers import LAYERS, LayerEntry
from visionfw.layers.facts import all_layer_names, layer_group
from visionfw.layers.keras_layers import ACTIVATION_FUNCTIONS, KERAS_LAYERS
from visionfw.registry import Entry

RESIDUAL = {"links": [(0, ["Conv2D", "ReLU", "Conv2D"], "body"), ((0, "body"), "Add", "sum")]}
ROWS = {
    "name": "Rows",
    "scale": 1,
    "blocks": {"residual": RESIDUAL},
    "links": [
        (0, "Conv2D", "features", {"filters": 64}),
        ("features", "residual", "trunk", {"repeat": 16}),
        ("trunk", "Conv2D", "body"),
        (("body", "features"), "Add", "sum"),
        ("sum", ["Conv2D", "ReLU", ("Conv2D", {"filters": 3})], "sr"),
    ],
}
GROUPS = {
    "name": "Rows",
    "scale": 1,
    "conv": [(0, "features"), ("trunk", "body"), ("sum", "sr_1"), ("sr_2", "sr")],
    "conv_par": [None, None, None, {"filters": 3}],
    "activation": [("sr_1", "sr_2")],
    "merge": [("body", "features", "sum")],
    "block": [("features", "trunk")],
    "block_sub": "residual",
    "block_par": {"repeat": 16},
    "blocks": {
        "residual": {
            "conv": [(0, "body_1"), ("body_2", "body")],
            "activation": [("body_1", "body_2")],
            "merge": [(0, "body", "sum")],
        }
    },
}


def links(*entries, **keys):
    return {"name": "x", "links": list(entries), **keys}


def problems(dictionary, functions=None):
    return parse(dictionary, functions)[1]


def test_rows_chains_and_groups_give_one_canonical_form_and_the_same_layer_names():
    assert canonicalize(ROWS) == canonicalize(GROUPS)
    assert [call.name for call in examine(ROWS).flat.calls] == [call.name for call in examine(GROUPS).flat.calls]
    assert {"conv_features", "block_trunk-3-conv_body_1", "block_trunk-15-merge_sum", "conv_sr_1", "conv_sr"} <= {
        call.name for call in examine(ROWS).flat.calls
    }


def test_rows_and_chains_survive_json():
    assert canonicalize(json.loads(json.dumps(ROWS))) == canonicalize(ROWS)


def test_all_spellings_stand_in_one_dictionary():
    mixed = links(
        ["conv", [0], 1, "Conv2D", {"filters": 8}],
        [1, "PReLU", 2, {"shared_axes": [1, 2]}],
        [2, ["Conv2D", ["tanh"], ["Conv2D", {"filters": 3}]], "sr"],
        conv=[(0, 3)],
        conv_par={"filters": 3},
        outputs={"sr": "sr", "other": 3},
    )
    assert [link[:4] for link in canonicalize(mixed)["links"]] == [
        ["conv", [0], 1, "Conv2D"],
        ["activation", [1], 2, "PReLU"],
        ["conv", [0], 3, "Conv2D"],
        ["conv", [2], "sr_1", "Conv2D"],
        ["activation", ["sr_1"], "sr_2", "tanh"],
        ["conv", ["sr_2"], "sr", "Conv2D"],
    ]


@pytest.mark.parametrize(
    ("layer", "group"),
    [
        ("Conv2D", "conv"),
        ("Convolution2D", "conv"),
        ("DepthwiseConv2D", "conv"),
        ("SpectralConv2D", "conv"),
        ("PReLU", "activation"),
        ("sigmoid", "activation"),
        ("GroupNormalization", "norm"),
        ("LayerNormalization", "norm"),
        ("Concatenate", "merge"),
        ("Multiply", "merge"),
        ("PixelShuffle", "layer"),
        ("Dense", "layer"),
        ("MaxPooling2D", "layer"),
    ],
)
def test_the_group_of_a_row_follows_from_its_layer(layer, group):
    assert canonicalize(links((0, layer, 1)))["links"][0][0] == group


def test_every_layer_has_a_group_and_the_language_pages_kinds_are_these_groups(root):
    assert all(layer_group(name) for name in all_layer_names())
    page = (root / "docs" / "model-dictionary.md").read_text(encoding="utf-8")
    kinds = {"convolutions": "conv", "normalization": "norm", "activations": "activation", "merges": "merge"}
    for kind, group in kinds.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {kind} |"))
        assert sorted(row.split("`")[1::2]) == sorted(name for name in KERAS_LAYERS if layer_group(name) == group)


def test_the_activation_functions_are_keras_own():
    import keras

    public = {name for name in dir(keras.activations) if name[0].islower()} - {"get", "serialize", "deserialize"}
    assert public == ACTIVATION_FUNCTIONS


def test_a_group_s_defaults_go_to_rows_and_chains():
    d = links((0, ["Conv2D", "LeakyReLU"], 1), defaults={"conv": {"filters": 8}, "activation": {"layer": "LeakyReLU", "negative_slope": 0.2}})
    assert [link[3:] for link in canonicalize(d)["links"]] == [
        ["Conv2D", {"filters": 8, "kernel_size": 3, "padding": "same"}],
        ["LeakyReLU", {"negative_slope": 0.2}],
    ]


def test_a_registered_layer_is_in_the_group_of_the_layer_that_it_is_like():
    with LAYERS.temporary(LayerEntry(name="OwnConv", target=object, like="Conv2D")), LAYERS.temporary(LayerEntry(name="Swirl", target=object)):
        assert [link[0] for link in canonicalize(links((0, ["OwnConv", "Swirl"], 1)))["links"]] == ["conv", "layer"]


def test_a_row_names_blocks_of_every_kind():
    def halved(tensors):
        return tensors[0] / 2

    with BLOCKS.temporary(Entry(name="registered", target=lambda filters=8: {"conv": [(0, 1)]})):
        assert canonicalize(links((0, "registered", 1, {"filters": 4})))["links"] == [["block", [0], 1, "registered", {"filters": 4}]]
    assert canonicalize(links((0, halved, 1)))["blocks"] == {"halved": {"function": "halved"}}
    assert canonicalize(links((0, "halved", 1)), {"halved": halved})["links"][0][0] == "block"
    assert canonicalize(links((0, "halved", 1), (1, halved, 2)))["links"] == [["block", [0], 1, "halved", {}], ["block", [1], 2, "halved", {}]]
    inner = {"links": [(0, "deepest", 1)]}
    assert canonicalize(links((0, "outer", 1), blocks={"outer": inner, "deepest": {"conv": [(0, 1)]}}))["blocks"]["outer"]["links"][0][0] == "block"


def test_the_nodes_inside_a_chain_can_be_read_by_other_links():
    d = links((0, ["Conv2D", "ReLU"], "end"), (("end_1", "end"), "Add", "sum"))
    assert canonicalize(d)["links"][-1] == ["merge", ["end_1", "end"], "sum", "Add", {}]


def test_a_chain_that_begins_with_a_merge_reads_several_sources():
    d = links((0, "Conv2D", 1), (0, "Conv2D", 2), ((1, 2), ["Concatenate", ("Conv2D", {"filters": 3, "repeat": 2})], 3))
    assert canonicalize(d)["links"][2:] == [
        ["merge", [1, 2], "3_1", "Concatenate", {}],
        ["conv", ["3_1"], 3, "Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same", "repeat": 2}],
    ]


def test_a_node_that_is_called_as_one_inside_a_chain_is_a_problem():
    assert problems(links((0, ["Conv2D", "ReLU"], "sr"), (0, "Conv2D", "sr_1"), outputs="sr")) == [
        "x: node 'sr_1' has 2 producers: links[0], layer 1 of 2 (0 -> sr_1) and links[1] (0 -> sr_1); a node has one"
    ]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ((0, "Conv2", 1), "links[0] (0 -> 1): no layer or block 'Conv2'; did you mean 'Conv2D'?"),
        ((0, "residul", 1), "links[0] (0 -> 1): no layer or block 'residul'; did you mean 'residual'?"),
        ((0, ["ReLU", "sigmoyd"], 1), "links[0], layer 2 of 2 (1_1 -> 1): no layer or block 'sigmoyd'; did you mean 'sigmoid'?"),
        (
            (0, "xyzzy", 1),
            "links[0] (0 -> 1): no layer or block 'xyzzy'; a block that is a Python function is passed as functions={name: function}",
        ),
        ((0, 7, 1), "links[0] (0 -> 1): a row names a layer or block by a string, not int 7"),
        ((0, "", 1), "links[0] (0 -> 1): a row names a layer or block by a string, not NoneType None"),
        ((0, LayerEntry, 1), "links[0] (0 -> 1): a row names a layer or block by a string, not type <class"),
        ((0, "Conv2D", 1, 3), "links[0]: a row ends in its target or its parameters, not in int 3; an entry is (source"),
        ((0, "Conv2D", "a.b"), "links[0]: the name 'a.b' may hold only letters, digits, '_' and '-'"),
        ((0, "Conv2D"), "links[0]: an entry is (source or (sources), layer, target[, {parameters}]), or [group, "),
        (["conv", [0], 1, "Conv2D"], "links[0]: a chain is (source, [layer or (layer, {parameters}), ...], target), with nothing after"),
        ((0, [], 1), "links[0]: a chain holds at least one layer"),
        ((0, ("Conv2D", {"filters": 3}), 1), "links[0], layer 2 of 2: a layer of a chain is its name or (name, {parameters}), not dict"),
        ((0, ["Conv2D", ("ReLU", 3)], 1), "links[0], layer 2 of 2: a layer of a chain is its name or (name, {parameters}), not tuple"),
        ((0, "ReLU", 1, {3: 4}), "links[0] (0 -> 1): a parameter's name must be a string, not int 3"),
        ((0, "relu", 1), "links[0] (0 -> 1): 'relu' is a layer and a block; rename the block, or write [group, [sources], target, "),
    ],
)
def test_a_wrong_entry_is_reported_with_its_address(entry, problem):
    blocks = {name: {"conv": [(0, 1)]} for name in ("residual", "relu")}
    assert problems(links(entry, blocks=blocks))[0].startswith(f"x: {problem}")


def test_all_problems_of_rows_are_reported_together_and_once():
    d = links((0, "Conv2", "a"), ("a", ["ReLU", "sigmoyd"], "b"), ("b", "Conv2D", "sr", {"filterz": 3}))
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(d)
    assert caught.value.problems == [
        "x: links[0] (0 -> a): no layer or block 'Conv2'; did you mean 'Conv2D'?",
        "x: links[1], layer 2 of 2 (b_1 -> b): no layer or block 'sigmoyd'; did you mean 'sigmoid'?",
        "x: links[2] (b -> sr): Conv2D: no parameter 'filterz'; did you mean 'filters'?",
    ]


def test_a_wrong_target_of_a_chain_is_reported_once():
    assert problems(links((0, ["Conv2D", "ReLU"], "a.b"))) == ["x: links[0]: the name 'a.b' may hold only letters, digits, '_' and '-'"]


def test_a_layer_that_holds_code_is_refused_in_rows():
    with pytest.raises(vf.ModelDefinitionError, match=r"links\[0\] \(0 -> 1\): layer 'Lambda' cannot stand in a dictionary: it holds code"):
        vf.check(links((0, "Lambda", 1)))


def test_the_text_of_a_dictionary_reaches_no_function_unless_it_is_passed():
    assert problems(links((0, "print", 1)))[0].startswith("x: links[0] (0 -> 1): no layer or block 'print'")
