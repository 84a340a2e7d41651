"""Layers from outside the package: one class, one entry, and a dictionary's text can name it."""

import json

import keras
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.graph.checking.check import examine
from visionfw.graph.language.transforms import initialized
from visionfw.layers import LAYERS, LayerEntry, Window
from visionfw.layers.facts import facts_by_name


def test_a_layer_of_keras_keeps_its_name():
    for wrong in (type("Conv2D", (keras.layers.Layer,), {}), 5):
        with pytest.raises(RequestError, match=r"Keras has a layer 'Conv2D'|takes a layer's class or a name"):
            vf.register_layer(wrong)


class Halved(keras.layers.Conv2D):
    """A convolution with half of its kernel, which says what it reads."""

    def call(self, x):
        return super().call(x) / 2

    def receptive_window(self, axis):
        return Window.strided(self.kernel_size[axis], self.strides[axis], self.padding == "same")


def test_a_kind_of_convolution_is_one_class_and_one_entry():
    """The language gives it the group's defaults and the initializer, the check its groups, the costs their count."""
    text = '{"name": "x", "defaults": {"conv": {"filters": 4}}, "conv": [[0, 1], [1, 2]], "conv_sub": "Halved", "conv_par": [null, {"filters": 3}]}'
    with LAYERS.temporary(LayerEntry(name="Halved", target=Halved, like="Conv2D")):
        d = json.loads(text)
        assert [link[3:] for link in vf.canonicalize(d)["links"]] == [
            ["Halved", {"filters": 4, "kernel_size": 3, "padding": "same"}],
            ["Halved", {"filters": 3, "kernel_size": 3, "padding": "same"}],
        ]
        assert vf.cost(d, output=(10, 10)) == (27 * 4 + 4 + 36 * 3 + 3, 100 * (27 * 4 + 36 * 3), 5)
        started = initialized(examine(d).definition, "zeros")
        assert [link.parameters["kernel_initializer"] for link in started.graph.links] == ["zeros", "zeros"]
        with pytest.raises(vf.ModelDefinitionError, match="Halved: 3 channels cannot be split into 2 groups"):
            vf.check(d | {"conv_par": {"groups": 2}})
        assert not vf.build(d)(keras.ops.zeros((1, 5, 6, 3))).shape[1] - 5


def test_registering_enters_what_the_layer_is_like():
    with LAYERS.temporary(LayerEntry(name="Halved", target=Halved)):
        assert vf.register_layer(Halved, like="Conv2D") is Halved
        assert facts_by_name("Halved") is facts_by_name("Conv2D")
