"""Error messages: one row per mistake, with the message it must give."""

import ast
import json

import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.graph.checking.check import examine
from visionfw.graph.language.parser import parse

RESIDUAL = {"conv": [(0, 1), (2, 3)], "activation": [(1, 2)], "merge": [(0, 3, 4)]}
GOOD = {
    "name": "Net",
    "scale": 2,
    "conv": [(0, 1), (2, 3), (4, 5)],
    "conv_par": [None, {"filters": 12}, {"filters": 3}],
    "block": [(1, 2)],
    "block_sub": ["residual"],
    "block_par": [{"repeat": 2}],
    "layer": [(3, 4)],
    "layer_sub": ["PixelShuffle"],
    "layer_par": [{"size": 2}],
    "blocks": {"residual": RESIDUAL},
}


def test_the_good_dictionary_is_good():
    vf.check(GOOD)


MISTAKES = [
    ("no name", {"name": None}, "model: a model needs a 'name'"),
    ("an unknown key", {"convs": []}, "Net: no key 'convs'; did you mean 'conv'?"),
    ("a misspelled key", {"colr": "y"}, "Net: no key 'colr'; did you mean 'color'?"),
    ("an unknown color", {"color": "yuv"}, "Net: no color 'yuv'; did you mean 'y'?"),
    ("an unknown layer", {"layer_sub": ["PixelShufle"]}, "Net: layer[0] (3 -> 4): no layer 'PixelShufle'; did you mean 'PixelShuffle'?"),
    ("an unknown block", {"block_sub": ["residul"]}, "Net: block[0] (1 -> 2): no block 'residul'; did you mean 'residual'?"),
    ("an unknown parameter", {"conv_par": [{"filter": 3}, None, None]}, "Net: conv[0] (0 -> 1): Conv2D: no parameter 'filter'; did you mean 'filters'?"),
    ("a parameter of a block", {"block_par": [{"repeats": 2}]}, "Net: block[0] (1 -> 2): block 'residual': no parameter 'repeats'; did you mean 'repeat'?"),
    (
        "a name for a layer",
        {"layer_par": [{"size": 2, "name": "x"}]},
        "Net: layer[0] (3 -> 4): parameter 'name' is not taken: a layer's name follows from its link",
    ),
    ("lists of unequal length", {"conv_par": [None]}, "Net: 'conv_par' has 1 entries for 3 links"),
    ("parameters without links", {"norm_par": [{}]}, "Net: 'norm_par' is given without 'norm'"),
    ("a link that is no tuple", {"conv": [3]}, "Net: conv[0]: a link is (source, ..., target), not int 3"),
    ("a node that is no name", {"conv": [(0, 1), (2, "a.b"), (4, 5)]}, "Net: conv[1]: the name 'a.b' may hold only letters, digits, '_' and '-'"),
    ("a negative node", {"conv": [(0, -1), (2, 3), (4, 5)]}, "Net: conv[0]: a node is a number from 0 or a name, not -1"),
    ("no producer", {"layer": [(9, 4)]}, "Net: layer[0] (9 -> 4): no link makes node 9"),
    (
        "two producers",
        {"merge": [(1, 2, 3)]},
        "Net: node 3 has 2 producers: conv[1] (2 -> 3) and merge[0] (1, 2 -> 3); a node has one",
    ),
    ("the input produced", {"activation": [(1, 0)]}, "Net: node 0 is an input, but activation[0] (1 -> 0) makes it; give the link another target"),
    ("two loose ends", {"activation": [(1, 8)]}, "Net: nodes 5, 8 are never consumed, so the output is not clear; name it with 'outputs'"),
    ("a loose end beside the output", {"activation": [(1, 8)], "outputs": 5}, "Net: activation[0] (1 -> 8): node 8 is never consumed and is no output"),
    ("an output that no link produces", {"outputs": {"sr": 5, "extra": 99}}, "Net: outputs: node 99 is not produced by any link"),
    ("no block named", {"block_sub": None}, "Net: block[0] (1 -> 2): which block? name it in 'block_sub'"),
    (
        "a class for a name",
        {"layer_sub": [dict]},
        "Net: layer[0] (3 -> 4): 'layer_sub' names a layer by a string, not type <class 'dict'>; write its name, 'dict'",
    ),
    ("repeat below 1", {"block_par": [{"repeat": 0}]}, "Net: block[0] (1 -> 2): 'repeat' must be a whole number of at least 1, not 0"),
    (
        "an object as value",
        {"conv_par": [{"filters": object}, None, None]},
        "Net: conv[0] (0 -> 1): parameter 'filters' must be plain data, not type <class 'object'>",
    ),
    ("both colors", {"color": "rgb", "colour": "y"}, "Net: 'colour' is the older spelling of 'color', and both are given; keep one"),
    ("no list of links", {"conv": 3}, "Net: 'conv' must be a list of links (source, ..., target), not int 3"),
    (
        "padding by pixels",
        {"conv_par": [{"padding": 1}, {"filters": 12}, {"filters": 3}]},
        "Net: conv[0] (0 -> 1): Conv2D: 'padding' must be 'same' or 'valid', not 1; ZeroPadding2D, ReplicatePadding and ReflectPadding pad by pixels",
    ),
    (
        "a layer for training images",
        {"layer_sub": ["RandomFlip"]},
        "Net: layer[0] (3 -> 4): layer 'RandomFlip' cannot stand in a dictionary: it changes training images, which --augment and --degradation do",
    ),
    ("both spellings", {"convo": [(0, 1)]}, "Net: 'convo' is the older spelling of 'conv', and both are given; keep one"),
    (
        "Lambda",
        {"layer_sub": ["Lambda"]},
        "Net: layer[0] (3 -> 4): layer 'Lambda' cannot stand in a dictionary: it holds code; register a layer class with vf.register_layer",
    ),
    ("another scale", {"scale": 4}, "Net: the output has another scale than declared: node 5 is 2H x 2W x 3; scale 4 needs 4H x 4W"),
    (
        "other channels",
        {"conv_par": [None, {"filters": 12}, {"filters": 1}]},
        "Net: output node 5 has 1 channels, but color 'rgb' has 3; for a model of luma set 'color': 'y'",
    ),
    ("one source for a merge", {"merge": [(5, 6)]}, "Net: merge[0] (5 -> 6): Add takes two sources or more, not 1"),
    ("two sources for a convolution", {"conv": [(0, 1), (2, 3), (4, 0, 5)]}, "Net: conv[2] (4, 0 -> 5): Conv2D takes 1 source, not 2"),
    ("two sources for a block of one", {"block": [(1, 0, 2)]}, "Net: block[0] (1, 0 -> 2): block 'residual' takes 1 source, not 2"),
    (
        "channels that no shuffle takes",
        {"conv_par": [None, {"filters": 10}, {"filters": 3}]},
        "Net: layer[0] (3 -> 4): PixelShuffle(size=2) on H x W x 10: 10 channels are no multiple of 2 x 2",
    ),
    ("a multiple that is no number", {"multiple": 2.5}, "Net: 'multiple' must be a whole number of at least 1, not 2.5"),
    ("an unknown edge", {"multiple": 2, "edge": "mirror"}, "Net: no edge 'mirror'; there is reflect, replicate, symmetric, zeros"),
    ("an edge without a multiple", {"edge": "zeros"}, "Net: 'edge' says how an image is padded, but 'multiple' does not say to what"),
    ("a multiple without images", {"multiple": 8, "shapes": {"lr": [8, 8, 3]}}, "Net: 'multiple' pads images of any size, and no input is one"),
    (
        "a multiple that strides do not divide",
        {"multiple": 6, "conv_par": [{"strides": 4}, {"filters": 192}, {"filters": 3}], "layer_par": [{"size": 8}]},
        "Net: 'multiple' is 6, but the strides need sides that are multiples of 4",
    ),
    ("a multiple in a block", {"blocks": {"residual": RESIDUAL | {"multiple": 2}}}, "Net: blocks['residual']: 'multiple' belongs to the model, not to a block"),
    (
        "an unknown parameter of a block",
        {"block_par": [{"filter": 3}], "blocks": {"residual": RESIDUAL | {"parameters": {"filters": 64}, "conv_par": {"filters": "$filters"}}}},
        "Net: block[0] (1 -> 2): block 'residual': no parameter 'filter'; did you mean 'filters'?",
    ),
    (
        "a reference to no parameter",
        {"blocks": {"residual": RESIDUAL | {"parameters": {"filters": 64}, "conv_par": [{"filters": "$filters"}, {"filters": "$filter"}]}}},
        "Net: blocks['residual']: conv[1] (2 -> 3): no parameter 'filter'; did you mean 'filters'?",
    ),
    (
        "a reference outside of blocks",
        {"conv_par": [{"filters": "$filters"}, {"filters": 12}, {"filters": 3}]},
        "Net: conv[0] (0 -> 1): '$filters' refers to a parameter, and a block has them by its key 'parameters'",
    ),
    ("parameters of a model", {"parameters": {}}, "Net: 'parameters' belongs to a block, not to the model"),
    (
        "a parameter that nothing refers to",
        {"blocks": {"residual": RESIDUAL | {"parameters": {"filters": 64}}}},
        "Net: blocks['residual']: parameters: nothing refers to 'filters'; a value '$filters' does",
    ),
    (
        "a parameter called repeat",
        {"blocks": {"residual": RESIDUAL | {"parameters": {"repeat": 2}}}},
        "Net: blocks['residual']: parameters: the name of a parameter is a word other than repeat and share, not 'repeat'",
    ),
    (
        "a number of copies that is none",
        {"blocks": {"residual": RESIDUAL | {"parameters": {"n": 2}, "activation_par": {"repeat": "$n"}}}, "block_par": [{"n": 0}]},
        "Net: block[0] (1 -> 2): block 'residual': 'repeat' must be a whole number of at least 1, not 0",
    ),
    (
        "no copies",
        {"block_par": [{"repeat": []}]},
        "Net: block[0] (1 -> 2): 'repeat' is a number of copies, or a list of a dictionary of parameters for each copy, not list []",
    ),
    (
        "a copy with copies",
        {"block_par": [{"repeat": [{"repeat": 2}]}]},
        "Net: block[0] (1 -> 2): repeat: copy 0 has its own 'repeat'; it belongs to the link",
    ),
    (
        "a parameter of one copy",
        {"layer_par": [{"repeat": [{"sise": 2}]}]},
        "Net: layer[0] (3 -> 4): PixelShuffle: no parameter 'sise'; did you mean 'size'?",
    ),
    ("a shape for no input", {"shapes": {"hr": [1]}}, "Net: shapes: no input 'hr'; did you mean 'lr'?"),
    ("scale in a block", {"blocks": {"residual": RESIDUAL | {"scale": 2}}}, "Net: blocks['residual']: 'scale' belongs to the model, not to a block"),
    (
        "PReLU with a weight a pixel",
        {"activation": [(5, 6)], "activation_sub": "PReLU"},
        "Net: activation[0] (5 -> 6): PReLU: has a weight per pixel, and the image may have any size; set 'shared_axes': [1, 2] for one per channel",
    ),
    (
        "groups that do not divide",
        {"conv_par": [None, {"filters": 12, "groups": 5}, {"filters": 3}]},
        "Net: conv[1] (2 -> 3): Conv2D: 64 channels cannot be split into 5 groups",
    ),
    (
        "normalization groups",
        {"norm": [(5, 6)], "norm_sub": "GroupNormalization"},
        "Net: norm[0] (5 -> 6): GroupNormalization: 3 channels cannot be split into 32 groups",
    ),
    (
        "a count that is a fraction",
        {"conv_par": [{"filters": 64.0}, {"filters": 12}, {"filters": 3}]},
        "Net: conv[0] (0 -> 1): Conv2D: 'filters' must be a whole number, not 64.0",
    ),
    ("an input named like a layer", {"inputs": {"conv_1": 0}}, "Net: inputs: 'conv_1' is also a layer's name; rename the input"),
    ("outputs as a list", {"outputs": [5]}, "Net: 'outputs' is a node or {output name: node}, not list [5]"),
    ("share that is no tag", {"block_par": [{"share": True}]}, "Net: block[0] (1 -> 2): share: a node is a number from 0 or a name, not True"),
    (
        "a registered object's name",
        {"conv_par": [{"kernel_initializer": "visionfw>PixelShuffle"}, {"filters": 12}, {"filters": 3}]},
        "Net: conv[0] (0 -> 1): Conv2D: parameter 'kernel_initializer': 'visionfw>PixelShuffle' names a registered object; code is refused",
    ),
    ("a block whose output is not made", {"blocks": {"residual": {"conv": [(5, 6)]}}}, "Net: blocks['residual']: conv[0] (5 -> 6): no link makes node 5"),
    (
        "a mistake inside a repeated block is said once",
        {"blocks": {"residual": RESIDUAL | {"activation_sub": "Relu6x"}}},
        "Net: block[0] (1 -> 2): activation[0] (1 -> 2): no layer 'Relu6x'; did you mean 'relu6'?",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_wrong_dictionary_is_reported(change, sentence):
    d = {key: value for key, value in (GOOD | change).items() if value is not None}
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(d)
    assert sentence in caught.value.problems, caught.value.problems


def test_merges_name_each_source_with_its_shape():
    d = {"name": "Net", "conv": [(0, 1), (0, 2)], "conv_par": [None, {"filters": 32, "strides": 2}], "merge": [(1, 2, 3)]}
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(d)
    assert caught.value.problems == ["Net: merge[0] (1, 2 -> 3): Add needs equal sizes and channels, but node 1 is H x W x 64, node 2 is H/2 x W/2 x 32"]


def test_a_cycle_is_reported_as_a_way():
    d = {"name": "Net", "merge": [(0, 3, 1)], "conv": [(1, 2), (2, 3), (3, 4)]}
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(d)
    assert len(caught.value.problems) == 1
    assert "Net: the links form a cycle" in caught.value.problems[0]
    assert "conv[0] (1 -> 2)" in caught.value.problems[0]


def test_a_block_that_contains_itself_is_reported():
    d = {"name": "Net", "block": [(0, 1)], "block_sub": "a", "blocks": {"a": {"block": [(0, 1)], "block_sub": "a"}}}
    with pytest.raises(vf.ModelDefinitionError, match="block 'a' contains itself"):
        vf.check(d)


def test_all_problems_are_reported_at_once():
    d = GOOD | {"colr": "y", "layer_sub": ["PixelShufle"], "conv_par": [{"filter": 3}, None, None], "block_sub": ["residul"]}
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(d)
    assert len(caught.value.problems) == 4


def test_what_is_no_dictionary_is_reported():
    with pytest.raises(vf.ModelDefinitionError, match="a model is a dictionary, not list"):
        vf.check([1])


@pytest.mark.parametrize(
    "parameters",
    [
        {"kernel_initializer": {"class_name": "system", "module": "os", "config": {}}},
        {"kernel_initializer": {"class_name": "Lambda", "config": {"function": "x"}}},
        {"kernel_initializer": {"registered_name": "evil", "class_name": "GlorotUniform"}},
        {"activation": {"class_name": "function", "config": "x", "module": "builtins"}},
    ],
)
def test_json_that_could_run_code_is_refused(parameters):
    d = json.loads(json.dumps(GOOD | {"conv_par": [parameters, {"filters": 12}, {"filters": 3}]}))
    with pytest.raises(vf.ModelDefinitionError, match="code is refused"):
        vf.build(d)


def wipe(tensors, path="/"):
    raise AssertionError("a dictionary reached a function of this module by its name")


@pytest.mark.parametrize("client", [vf.check, vf.build, vf.describe, vf.cost])
@pytest.mark.parametrize(
    "text",
    [
        "{'name': 'x', 'block': [[0, 1]], 'block_sub': 'wipe'}",
        "{'name': 'x', 'block': [(0, 1)], 'block_sub': 'wipe', 'block_par': {'path': '/home'}}",
        "{'name': 'x', 'links': [('block', (0,), 1, 'wipe', {})]}",
        "{'name': 'x', 'block': [(0, 1)], 'block_sub': 'b', 'blocks': {'b': {'function': 'wipe'}}}",
    ],
)
def test_a_strangers_text_reaches_no_function(client, text):
    with pytest.raises(vf.ModelDefinitionError):
        client(ast.literal_eval(text))


def test_a_function_reaches_a_dictionary_by_an_argument_only():
    def doubled(tensors, factor=2):
        return tensors[0] * factor

    d = {"name": "Net", "block": [(0, 1)], "block_sub": "doubled"}
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(d)
    assert caught.value.problems == ["Net: block[0] (0 -> 1): no block 'doubled'; a block that is a Python function is passed as functions={name: function}"]
    functions = {"doubled": doubled, "unused": print}
    vf.check(d, functions=functions)
    assert "doubled" in vf.describe(d, functions=functions)
    assert vf.cost(d, functions=functions).params == 0
    canonical = vf.canonicalize(d, functions)
    assert canonical["blocks"] == {"doubled": {"function": "doubled"}}
    assert vf.diff(d, canonical, functions) == ""
    vf.check(canonical, functions=functions)
    nested = {"name": "Net", "block": [(0, 1)], "block_sub": "outer", "blocks": {"outer": {**canonical, "inputs": [0]}}}
    for key in ("name", "color", "scale"):
        nested["blocks"]["outer"].pop(key, None)
    vf.check(nested, functions=functions)
    for spelled in (d, canonical, nested):  # parsed before the functions are known
        definition, _ = parse(spelled)
        assert examine(definition, None, functions).has_function_blocks
    with pytest.raises(vf.ModelDefinitionError, match="no block 'doublde'; did you mean 'doubled'"):
        vf.check(d | {"block_sub": "doublde"}, functions=functions)


@pytest.mark.parametrize(
    ("d", "sentence"),
    [
        ({"conv": [(0, 1), (1, 2)], "conv_par": {"share": "a"}}, "shares weights with Net: conv[0] (0 -> 1), which reads 3 channels, but reads 64"),
        (
            {"layer": [(0, 1), (1, 2)], "layer_sub": ["Flatten", "Dense"], "layer_par": [None, {"units": 1}]},
            "the number of features depends on the image's size",
        ),
        ({"layer": [(0, 1)], "layer_sub": "Reshape", "layer_par": {"target_shape": [26880, 32256, 3]}}, "Net: layer[0] (0 -> 1): Reshape"),
        ({"conv": [(0, 1)], "conv_par": {"kernel_size": 9, "padding": "valid"}, "scale": 1}, "node 1 is H-8 x W-8 x 64; scale 1 needs 1H x 1W"),
        ({"shapes": {"lr": [16, 16, 3]}, "conv": [(0, 1)], "conv_par": {"filters": 3}, "scale": 4}, "the output has another scale than declared"),
    ],
)
def test_what_keras_would_find_while_building_is_reported_before(d, sentence):
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check({"name": "Net", **d})
    assert sentence in str(caught.value)


@pytest.mark.parametrize("scale", [0, 2.5, "4"])
def test_a_runs_scale_that_is_none_is_reported(scale):
    with pytest.raises(vf.ModelDefinitionError, match="Net: the run's 'scale' must be a whole number of at least 1"):
        vf.check({"name": "Net", "conv": [(0, 1)]}, scale)


def test_a_block_that_holds_itself_literally_is_reported():
    block = {"block": [(0, 1)], "block_sub": "b"}
    block["blocks"] = {"b": block}
    with pytest.raises(vf.ModelDefinitionError, match="contains itself"):
        vf.check({"name": "Net", "block": [(0, 1)], "block_sub": "b", "blocks": {"b": block}})


def test_problems_of_names_and_of_shapes_are_reported_together():
    d = {"name": "Net", "conv": [(0, 1), (0, 2), (3, 4)], "conv_par": [None, {"filters": 8}, {"filtres": 3}], "merge": [(1, 2, 3)]}
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check(d)
    assert len(caught.value.problems) == 2


def test_a_function_block_cannot_come_from_json():
    d = json.loads(json.dumps(GOOD | {"blocks": {"residual": {"function": "residual"}}}))
    with pytest.raises(vf.ModelDefinitionError, match="is a Python function, which JSON can't hold"):
        vf.build(d)


def test_keras_initializers_and_regularizers_are_plain_data():
    import keras

    parameters = {"kernel_regularizer": keras.regularizers.L2(1e-4), "kernel_initializer": keras.initializers.RandomNormal(stddev=0.001)}
    model = vf.build(GOOD | {"conv_par": [parameters, {"filters": 12}, {"filters": 3}]})
    assert model.get_layer("conv_1").kernel_regularizer.l2 == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("srresnt", {}, "no model 'srresnt'; did you mean 'srresnet'?"),
        ("srresnet", {"block": 8}, "model srresnet: no argument 'block'; did you mean 'blocks'?"),
        ("rcan", {"color": "Y"}, "model rcan: no color 'Y'; did you mean 'y'?"),
        ("plksr", {"color": "cmyk"}, "model plksr: no color 'cmyk'; there is rgb, y"),
        ("nowhere.json", {}, "model nowhere.json: no file 'nowhere.json'"),
        ("model_defs/srresnt.py", {}, "model model_defs/srresnt.py: no file 'srresnt.py'; did you mean 'srresnet.py'? (in model_defs)"),
        ("model_defs/srresnet.txt", {}, "model model_defs/srresnet.txt: a model's file ends in .py or .json"),
    ],
)
def test_a_wrong_model_is_reported(name, arguments, sentence, root, monkeypatch):
    monkeypatch.chdir(root)
    with pytest.raises(RequestError) as caught:
        vf.definition(name, **arguments)
    assert sentence in str(caught.value)
