"""Tables and differences in words."""

import re

import keras

import visionfw as vf
from visionfw.layers import LAYERS, LayerEntry

SMALL = {
    "name": "Small",
    "scale": 2,
    "conv": [(0, 1), (2, 3)],
    "conv_par": [{"filters": 8}, {"filters": 12}],
    "block": [(1, 2)],
    "block_sub": "b",
    "block_par": {"repeat": 3},
    "blocks": {"b": {"conv": [(0, 1)], "conv_par": {"filters": 8}}},
    "layer": [(3, 4)],
    "layer_sub": "PixelShuffle",
    "layer_par": {"size": 2},
}


def test_the_table_has_every_link_with_shape_and_cost():
    lines = vf.describe(SMALL).splitlines()
    assert lines[0] == "Small: scale 2, RGB"
    assert lines[4].split() == ["conv", "0", "->", "1", "Conv2D(filters=8,", "kernel_size=3,", "padding='same')", "H", "x", "W", "x", "8", "224", "49.77", "M"]
    assert lines[5].split()[:6] == ["block", "1", "->", "2", "b", "x3"]
    assert lines[6].startswith("  conv 0 -> 1")
    assert lines[-1] == "2,852 parameters, 647 M multiply-adds for a 1280x720 output, receptive field 11 x 11 pixels"


def test_each_row_has_its_own_figures():
    d = {"name": "x", "conv": [(number, number + 1) for number in range(11)], "conv_par": {"filters": 3}}
    assert [line.split()[-3] for line in vf.describe(d).splitlines()[4:-2]] == ["84"] * 11
    shared = {"name": "x", "conv": [(number, number + 1) for number in range(4)], "conv_par": {"filters": 3, "share": "u"}}
    assert [line.split()[-3] for line in vf.describe(shared).splitlines()[4:-2]] == ["84", "shared", "shared", "shared"]


def test_equal_meaning_has_no_difference():
    other = {"name": "Small", "convo": [(2, 3), (0, 1)], "convo_par": [{"filters": 12, "kernel_size": 3}, {"filters": 8}]}
    other |= {key: SMALL[key] for key in SMALL if not key.startswith(("conv", "name"))}
    assert vf.diff(SMALL, other) == ""


def test_a_difference_is_said_link_by_link():
    other = vf.canonicalize(SMALL)
    other["links"][0][4]["filters"] = 16
    other["blocks"]["b"]["links"].append(["activation", [1], 2, "ReLU", {}])
    other["blocks"]["b"]["outputs"] = 2
    other["scale"] = 3
    assert vf.diff(SMALL, other).splitlines() == [
        "scale: 2 -> 3",
        "~ conv (0 -> 1) Conv2D: filters 8 -> 16",
        "blocks['b']: outputs: 1 -> 2",
        "blocks['b']: + activation (1 -> 2) ReLU",
    ]


def test_the_table_says_that_sides_are_padded():
    d = {"name": "x", "scale": 1, "multiple": 8, "edge": "zeros", "links": [(0, "Conv2D", "sr", {"filters": 3})]}
    assert vf.describe(d).startswith("x: scale 1, RGB, sides padded to multiples of 8 (zeros)\n")


class Unknown(keras.layers.Layer):
    """Multiplies, and does not say how often."""

    def call(self, x):
        return x * 2


def test_the_table_says_whose_cost_is_not_known():
    d = {"name": "x", "scale": 1, "links": [(0, "Conv2D", "f", {"filters": 3}), ("f", "Unknown", "sr")]}
    with LAYERS.temporary(LayerEntry(name="Unknown", target=Unknown)):
        table = vf.describe(d)
    assert table.endswith("74.65 M multiply-adds for a 1280x720 output (without those of Unknown, which are not known), receptive field the whole image")
    assert re.search(r"layer f -> sr +Unknown +H x W x 3 +\?", table)


def test_a_product_inside_a_function_is_not_known_either():
    def product(tensors):
        return keras.ops.matmul(tensors[0], keras.ops.ones((3, 3)))

    d = {"name": "x", "scale": 1, "block": [(0, "sr")], "block_sub": product}
    assert "(without those of Matmul, which are not known)" in vf.describe(d)
