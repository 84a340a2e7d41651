"""Stable names of layers."""

from visionfw.graph.checking.expand import expand
from visionfw.graph.language.parser import parse


def names(d):
    definition, problems = parse(d)
    assert problems == []
    expanded, problems = expand(definition)
    assert problems == []
    return [call.name for call in expanded.calls]


BODY = {"conv": [(0, "p"), ("r", "q")], "activation": [("p", "r")]}


def test_a_repeated_block_numbers_its_copies_from_zero():
    d = {"name": "x", "block": [(0, "body")], "block_sub": "b", "block_par": {"repeat": 2}, "blocks": {"b": BODY}}
    inside = ["conv_p", "activation_r", "conv_q"]
    assert names(d) == [f"block_body-{copy}-{layer}" for copy in (0, 1) for layer in inside]


def test_a_single_block_has_no_number():
    d = {"name": "x", "block": [(0, 1)], "block_sub": "b", "blocks": {"b": BODY}}
    assert names(d)[0] == "block_1-conv_p"


def test_blocks_inside_blocks_join_their_names():
    inner = {"block": [(0, 1)], "block_sub": "b", "block_par": {"repeat": 1}, "blocks": {"b": BODY}}
    d = {"name": "x", "block": [(0, 1)], "block_sub": "outer", "blocks": {"outer": inner}}
    assert names(d)[0] == "block_1-block_1-0-conv_p"


def test_a_repeated_layer_is_numbered_too():
    assert names({"name": "x", "conv": [(0, 1)], "conv_par": {"repeat": 2}}) == ["conv_1-0", "conv_1-1"]


def test_a_shared_link_has_its_tag_for_a_name():
    d = {"name": "x", "block": [(0, 1), (1, 2)], "block_sub": "b", "block_par": {"share": "unit"}, "blocks": {"b": {"conv": [(0, 1)]}}}
    assert names(d) == ["block_unit-conv_1", "block_unit-conv_1"]


def test_copies_that_share_have_one_name():
    assert names({"name": "x", "conv": [(0, 1)], "conv_par": {"repeat": 3, "share": "u", "filters": 3}}) == ["conv_u"] * 3


def test_a_tag_is_local_to_the_copy_of_a_block():
    block = {"conv": [(0, 1), (1, 2)], "conv_par": {"share": "u"}}
    d = {"name": "x", "block": [(0, 1)], "block_sub": "b", "block_par": {"repeat": 2}, "blocks": {"b": block}}
    assert names(d) == ["block_1-0-conv_u", "block_1-0-conv_u", "block_1-1-conv_u", "block_1-1-conv_u"]


def test_with_several_sources_the_first_runs_through_the_copies():
    block = {"inputs": ["x", "y"], "merge": [("x", "y", "z")]}
    d = {"name": "x", "inputs": {"a": 0, "b": 1}, "block": [(0, 1, 2)], "block_sub": "b", "block_par": {"repeat": 2}, "blocks": {"b": block}}
    definition, _ = parse(d)
    expanded, _ = expand(definition)
    a, b = (("input", "a", None),), (("input", "b", None),)
    assert [call.sources for call in expanded.calls] == [(a, b), ((("block", 2, 0), ("merge", "z", None)), b)]


def test_links_that_share_must_be_the_same_layer():
    d = {"name": "x", "conv": [(0, 1), (1, 2)], "conv_par": [{"share": "u"}, {"share": "u", "filters": 3}]}
    definition, _ = parse(d)
    _, problems = expand(definition)
    assert len(problems) == 1
    assert "shares weights with x: conv[0] (0 -> 1), but is Conv2D(filters=3" in problems[0]


def problems_of(d):
    definition, _ = parse(d)
    return expand(definition)[1]


def test_a_tag_that_is_also_a_node_is_refused():
    d = {"name": "x", "conv": [(0, 1), (1, "u"), ("u", 3)], "conv_par": [{"share": "u"}, None, None]}
    assert problems_of(d) == ["x: conv[1] (1 -> u): its layer would be called 'conv_u', as that of x: conv[0] (0 -> 1); give a node or a tag another name"]


def test_a_node_that_reads_like_a_copy_is_refused():
    d = {"name": "x", "conv": [(0, "a"), ("a", "a-0")], "conv_par": [{"repeat": 2}, None]}
    assert len(problems_of(d)) == 1
    assert "its layer would be called 'conv_a-0'" in problems_of(d)[0]


def test_links_that_share_must_be_the_same_block():
    blocks = {"p": {"conv": [(0, 1)]}, "q": {"conv": [(0, 1)], "activation": [(1, 2)]}}
    d = {"name": "x", "block": [(0, 1), (1, 2)], "block_sub": ["p", "q"], "block_par": {"share": "s"}, "blocks": blocks}
    assert problems_of(d) == ["x: links that share 's' stand for different blocks; give one of them another tag"]


def test_a_repeat_that_no_memory_holds_is_refused():
    assert problems_of({"name": "x", "conv": [(0, 1)], "conv_par": {"repeat": 10**9}}) == ["x: conv[0] (0 -> 1): the model would have more than 100,000 layers"]
