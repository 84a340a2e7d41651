"""The JSON Schema of model dictionaries: it takes what the language takes, and refuses what can be seen to be wrong in one place."""

import json
import re
from copy import deepcopy

import jsonschema
import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_spellings import in_chains, in_groups, in_rows, mixed, models

import visionfw as vf
from visionfw.graph.language import loader
from visionfw.graph.schema import schema_text
from visionfw.layers import LAYERS, LayerEntry

VALIDATOR = jsonschema.Draft202012Validator(vf.schema())


def problems(dictionary):
    return [error.message for error in VALIDATOR.iter_errors(json.loads(json.dumps(dictionary)))]


def model(*links, **keys):
    return {"name": "x", "links": list(links), **keys}


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(vf.schema())


def test_the_file_is_the_functions_output(root):
    text = (root / "docs" / "model-dictionary.schema.json").read_text(encoding="utf-8")
    assert json.loads(schema_text()) == vf.schema()
    if f"Keras {keras.__version__}" not in text:
        pytest.skip(f"written with another release: {re.search(r'Keras [0-9.]+', text).group()}")
    assert text == schema_text(), "run: python -m visionfw.graph.schema > docs/model-dictionary.schema.json"


@pytest.mark.parametrize("name", loader.names())
def test_every_architecture_is_valid_as_written_and_in_the_canonical_form(name):
    dictionary = vf.definition(name)
    assert problems(dictionary) == []
    assert problems(vf.canonicalize(dictionary)) == []


@settings(max_examples=30, deadline=None)
@given(models(), st.data())
def test_every_spelling_of_a_random_model_is_valid(rows, data):
    choices = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    dictionaries = [in_groups(rows), in_rows(rows), in_chains(rows), mixed(rows, choices)]
    for dictionary in [*dictionaries, vf.canonicalize(in_rows(rows))]:
        assert problems(dictionary) == []


@pytest.mark.parametrize(
    "dictionary",
    [
        {"name": "x", "convo": [[0, 1]], "convo_par": {"filters": 3}, "aactv": [[1, 2]], "aactv_sub": [None], "colour": "y"},
        model([0, "Conv2D", 1, None], [1, [["ReLU"], ["Conv2D", {"repeat": 2, "share": "a"}]], 2]),
        model([0, "SelfMade", 1], blocks={"SelfMade": {"function": "SelfMade"}}),
        model(["conv", [0], 1, None, None], inputs={"lr": 0}, outputs={"sr": 1}, shapes={"lr": [None, None, 3]}, scale=2),
        model([0, "b", 1, {"n": 3}], blocks={"b": {"parameters": {"n": 2, "f": 8}, "links": [[0, "Conv2D", 1, {"repeat": "$n", "filters": "$f"}]]}}),
        model([0, "relu", 1, {"repeat": [{}, {}]}], multiple=8, edge="zeros"),
        model([0, "b", [1, None]], blocks={"b": {"outputs": [1, 2], "links": [[0, "relu", 1], [0, "relu", 2]]}}),
        model([0, "b", 1], blocks={"b": {"inputs": ["x"], "outputs": 1, "links": [["x", "relu", 1]]}}, defaults={"conv": {"filters": 8}}),
    ],
)
def test_what_the_language_takes_is_valid(dictionary):
    vf.canonicalize(dictionary)
    assert problems(dictionary) == []


@pytest.mark.parametrize(
    ("dictionary", "problem"),
    [
        ({"links": []}, "'name' is a required property"),
        (model(sacle=2), "'sacle' was unexpected"),
        (model(color="blue"), "'blue' is not one of"),
        (model(scale=0), "0 is not valid under any of the given schemas"),
        (model([0, "Conv2D", 1, {"filterz": 3}]), "'filterz' was unexpected"),
        (model([0, [["Conv2D", {"filterz": 3}]], 1]), "'filterz' was unexpected"),
        (model(["conv", [0], 1, "Conv2D", {"filterz": 3}]), "'filterz' was unexpected"),
        (model(["conv", [0], 1, "Conv2", {}]), "'Conv2' is not valid under any of the given schemas"),
        (model(["conv", [0], 1, "relu", {}]), "'relu' is not valid under any of the given schemas"),
        (model(["convs", [0], 1, "Conv2D", {}]), "'convs' is not one of"),
        (model([0, "Conv2D", "a.b"]), "'a.b' is not valid under any of the given schemas"),
        (model([0, "Conv2D"]), "is too short"),
        (model([0, ["Conv2D"], 1, {}]), "is too long"),
        (model([0, [], 1]), "[] should be non-empty"),
        (model([0, "relu", 1, {"repeat": 0}]), "0 is not valid under any of the given schemas"),
        (model(blocks={"b": {"scale": 2}}), "'scale' was unexpected"),
        (model(parameters={}), "'parameters' was unexpected"),
        (model([0, "relu", 1, {"repeat": []}]), "[] is not valid under any of the given schemas"),
        (model([0, "relu", 1, {"repeat": "n"}]), "'n' is not valid under any of the given schemas"),
        (model(edge="mirror"), "'mirror' is not one of"),
        (model(blocks={"b": {"links": [[0, "Conv2D", 1, {"filterz": 3}]]}}), "'filterz' was unexpected"),
        ({"name": "x", "conv": [[0]]}, "is too short"),
        ({"name": "x", "conv": [[0, 1]], "conv_sub": "Conv2"}, "'Conv2' is not valid under any of the given schemas"),
        (model(defaults={"block": {}}), "'block' was unexpected"),
    ],
)
def test_what_is_wrong_in_one_place_is_refused(dictionary, problem):
    assert any(problem in message for message in problems(dictionary)), problems(dictionary)


def test_a_registered_layer_is_in_the_schema():
    class Swirl(keras.layers.Layer):
        def __init__(self, angle=1.0, **kwargs):
            super().__init__(**kwargs)

    with LAYERS.temporary(LayerEntry(name="Swirl", target=Swirl)):
        parts = deepcopy(vf.schema())["$defs"]
    assert "Swirl" in parts["layer"]["enum"]
    assert set(parts["parameters_of_Swirl"]["properties"]) >= {"angle", "repeat", "share"}
