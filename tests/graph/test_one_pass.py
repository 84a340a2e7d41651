"""A model's dictionary is read once, and its layers are made once for the analysis and once for the model."""

from collections import Counter

import keras
import pytest
from configs import training

import visionfw as vf
from visionfw.graph.analysis.cost import compute_cost
from visionfw.graph.analysis.describe import table
from visionfw.graph.analysis.receptive_field import receptive_field_of
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import examine
from visionfw.graph.language import loader


@pytest.fixture
def layers_made(monkeypatch):
    """Counts the Keras layers that are made, by class, without the inputs and the model itself."""
    made = Counter()
    original = keras.layers.Layer.__init__

    def counting(self, *args, **kwargs):
        if not isinstance(self, keras.layers.InputLayer | keras.Model):
            made[type(self).__name__] += 1
        original(self, *args, **kwargs)

    monkeypatch.setattr(keras.layers.Layer, "__init__", counting)
    return made


def links_of(graph):
    """Yield every link of a canonical dictionary that is a layer, those of blocks once."""
    yield from (link for link in graph["links"] if link[0] != "block")
    for block in graph.get("blocks", {}).values():
        yield from links_of(block)


def test_each_layer_is_made_once_for_the_analysis_and_once_for_the_model(layers_made):
    dictionary = vf.definition(training().model.name, scale=4)
    checked = examine(dictionary, 4)
    compute_cost(checked)
    compute_cost(checked, output=(123, 457))
    table(checked)
    assert checked.shapes_at(31, 17) is not None
    assert sum(layers_made.values()) == len(list(links_of(vf.canonicalize(dictionary))))
    layers_made.clear()
    model = compile_model(checked)
    receptive_field_of(model)
    assert sum(layers_made.values()) == len(model.layers) - 1 == len(checked.flat.calls) == 27


def test_a_block_on_other_numbers_of_channels_is_another_layer(layers_made):
    narrow = {"conv": [(0, 1)], "conv_par": {"filters": 8}, "activation": [(1, 2)]}
    d = {"name": "x", "outputs": {"logits": 3}, "block": [(0, 1), (1, 2), (2, 3)], "block_sub": "narrow", "blocks": {"narrow": narrow}}
    assert vf.cost(d).params == (27 * 8 + 8) + 2 * (72 * 8 + 8)
    assert layers_made == {"Conv2D": 2, "ReLU": 1}


def test_the_analysis_of_a_huge_model_takes_no_memory():
    """400 gigabytes of weights."""
    d = {"name": "huge", "conv": [(0, 1), (1, 2), (2, 3)], "conv_par": [{"filters": 10**5}, {"filters": 10**5, "kernel_size": 3}, {"filters": 3}]}
    assert vf.cost(d).params == 28 * 10**5 + (9 * 10**5 + 1) * 10**5 + 27 * 10**5 + 3


def test_the_analysis_draws_no_random_numbers():
    """How often costs are counted is not to be seen in the weights of a model that is built afterwards."""
    first, second = ({}, {})
    for weights, countings in ((first, 0), (second, 3)):
        keras.utils.set_random_seed(5)
        checked = examine(vf.definition("edsr", blocks=1, filters=4))
        for _ in range(countings):
            compute_cost(checked)
        weights |= {weight.path: keras.ops.convert_to_numpy(weight).tolist() for weight in compile_model(checked).weights}
    assert first == second


def test_a_model_file_is_executed_once(tmp_path):
    (tmp_path / "counted.py").write_text(
        "from pathlib import Path\n"
        "log = Path(__file__).with_suffix('.log')\n"
        "log.write_text(log.read_text() + 'x' if log.exists() else 'x')\n"
        "def counted(*, scale=1):\n    return {'name': 'Counted', 'scale': scale, 'conv': [(0, 1)], 'conv_par': {'filters': 3}}\n"
    )
    source = loader.load(str(tmp_path / "counted.py"), scale=1)
    checked = examine(source.dictionary, 1, source.functions)
    compute_cost(checked), table(checked), compile_model(checked)
    assert (tmp_path / "counted.log").read_text() == "x"


def test_a_definition_is_checked_as_it_is():
    definition = examine(vf.definition("edsr", blocks=1)).definition
    assert examine(definition).definition is definition or examine(definition).definition == definition
    assert vf.canonicalize(definition) == vf.canonicalize(vf.definition("edsr", blocks=1))
