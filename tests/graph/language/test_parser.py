"""Any spelling -> one normal form."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import visionfw as vf
from visionfw.graph.language.parser import canonicalize

SIMPLE = {"name": "simple", "conv": [(0, 1), (1, 2)], "conv_par": [None, {"filters": 3}], "activation": [(2, 3)]}


def test_defaults_are_filled_in():
    assert canonicalize(SIMPLE) == {
        "name": "simple",
        "color": "rgb",
        "inputs": {"lr": 0},
        "outputs": {"sr": 3},
        "links": [
            ["conv", [0], 1, "Conv2D", {"filters": 64, "kernel_size": 3, "padding": "same"}],
            ["conv", [1], 2, "Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same"}],
            ["activation", [2], 3, "ReLU", {}],
        ],
    }


def test_the_older_spelling_reads_the_same():
    older = {"name": "simple", "convo": [(0, 1), (1, 2)], "convo_par": [None, {"filters": 3}], "aactv": [(2, 3)]}
    assert canonicalize(older) == canonicalize(SIMPLE)


def test_one_name_or_one_dictionary_stands_for_all_links():
    d = {"name": "x", "activation": [(0, 1), (1, 2)], "activation_sub": "PReLU", "activation_par": {"shared_axes": (1, 2)}}
    assert [link[3:] for link in canonicalize(d)["links"]] == [["PReLU", {"shared_axes": [1, 2]}]] * 2


def test_a_value_quoted_twice_is_read_once():
    d = {"name": "x", "conv": [(0, 1)], "conv_par": {"padding": repr("same")}}
    assert canonicalize(d)["links"][0][4]["padding"] == "same"


def test_defaults_change_a_group_for_the_whole_dictionary_blocks_included():
    d = {
        "name": "x",
        "defaults": {"conv": {"filters": 8}, "activation": {"layer": "PReLU", "shared_axes": [1, 2]}},
        "conv": [(0, 1)],
        "block": [(1, 2)],
        "block_sub": "b",
        "blocks": {"b": {"conv": [(0, 1)], "activation": [(1, 2)]}},
    }
    normal = canonicalize(d)
    assert normal["links"][0][4]["filters"] == 8
    assert normal["blocks"]["b"]["links"][0][4]["filters"] == 8
    assert normal["blocks"]["b"]["links"][1][3:] == ["PReLU", {"shared_axes": [1, 2]}]


@pytest.mark.parametrize(
    ("group", "layer", "defaults", "expected"),
    [
        ("conv", "DepthwiseConv2D", {"filters": 8, "use_bias": False}, {"kernel_size": 3, "padding": "same", "use_bias": False}),
        ("activation", "sigmoid", {"shared_axes": [1, 2]}, {}),
        ("merge", "Add", {"axis": -1}, {}),
        ("merge", "Concatenate", {"axis": -1}, {"axis": -1}),
    ],
)
def test_a_default_goes_only_to_layers_that_take_it(group, layer, defaults, expected):
    d = {"name": "x", "inputs": {"a": 0, "b": 1}, group: [(0, 1, 2) if group == "merge" else (0, 2)], f"{group}_sub": layer, "defaults": {group: defaults}}
    d |= {} if group == "merge" else {"inputs": {"a": 0}}
    assert canonicalize(d)["links"][0][4] == expected


def test_numpy_values_become_plain():
    d = {"name": "x", "conv": [(np.int64(0), np.int32(1))], "conv_par": {"filters": np.int64(8), "kernel_size": np.array([3, 5])}}
    assert json.loads(json.dumps(canonicalize(d)))["links"][0][4] == {"filters": 8, "kernel_size": [3, 5], "padding": "same"}


def test_repeat_and_share_stand_with_the_parameters():
    d = {"name": "x", "conv": [(0, 1)], "conv_par": {"filters": 3, "repeat": 4, "share": "unit"}}
    assert canonicalize(d)["links"][0][4] == {"filters": 3, "kernel_size": 3, "padding": "same", "repeat": 4, "share": "unit"}


@st.composite
def dictionaries(draw):
    """Draw random graphs: every node reads earlier nodes; everything loose is merged at the end."""
    count = draw(st.integers(1, 8))
    names = [0, *draw(st.permutations([*range(1, count + 1)]))]
    if draw(st.booleans()):
        names = [node if node == 0 or draw(st.booleans()) else f"n{node}" for node in names]
    d: dict = {"name": "random", "conv": [], "conv_par": [], "merge": [], "activation": [], "activation_sub": []}
    read = set()
    for position in range(1, count + 1):
        sources = draw(st.lists(st.sampled_from(names[:position]), min_size=1, max_size=3, unique=True))
        read |= set(sources)
        if len(sources) > 1:
            d["merge"].append((*sources, names[position]))
        elif draw(st.booleans()):
            d["conv"].append((sources[0], names[position]))
            d["conv_par"].append(draw(st.one_of(st.none(), st.fixed_dictionaries({"filters": st.integers(1, 9)}))))
        else:
            d["activation"].append((sources[0], names[position]))
            d["activation_sub"].append(draw(st.sampled_from([None, "PReLU", "tanh"])))
    loose = [node for node in names if node not in read]
    if len(loose) > 1:
        d["merge"].append((*loose, "end"))
    return d


@given(dictionaries())
def test_the_normal_form_is_its_own_normal_form(d):
    normal = canonicalize(d)
    assert canonicalize(normal) == normal
    assert canonicalize(json.loads(json.dumps(normal))) == normal


@given(dictionaries(), st.randoms())
def test_order_carries_no_meaning(d, random):
    shuffled = {"name": d["name"]}
    for group, parts in (("merge", ()), ("conv", ("conv_par",)), ("activation", ("activation_sub",))):
        order = list(range(len(d[group])))
        random.shuffle(order)
        for key in (group, *parts):
            shuffled[key] = [d[key][index] for index in order]
    assert canonicalize(shuffled) == canonicalize(d)


@given(dictionaries())
def test_graph_order_puts_sources_before_uses(d):
    made = {0}
    for _, sources, target, *_ in canonicalize(d)["links"]:
        assert set(sources) <= made
        made.add(target)


def test_the_original_dictionary_is_not_touched():
    d = {"name": "x", "convo": [(0, 1)], "blocks": {"b": {"conv": [(0, 1)]}}, "block": [(1, 2)], "block_sub": ["b"]}
    before = json.dumps(d)
    vf.canonicalize(d)
    assert json.dumps(d) == before


def test_functions_given_as_blocks_are_named_in_the_normal_form():
    def twice(tensors):
        return tensors[0]

    normal = canonicalize({"name": "x", "block": [(0, 1)], "block_sub": [twice]})
    assert normal["blocks"] == {"twice": {"function": "twice"}}


def test_multiple_and_edge_are_in_the_canonical_form_where_the_dictionary_has_them():
    d = {"name": "x", "conv": [(0, 1)]}
    assert "multiple" not in vf.canonicalize(d)
    canonical = vf.canonicalize(d | {"multiple": 8})
    assert (canonical["multiple"], canonical["edge"]) == (8, "reflect")
    assert vf.canonicalize(canonical) == canonical
    assert vf.diff(d, d | {"multiple": 8, "edge": "zeros"}) == "edge: None -> 'zeros'\nmultiple: None -> 8"
