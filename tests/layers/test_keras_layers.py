"""The table of Keras' layers agrees with the installed Keras, and what it does not list is refused."""

import inspect

import keras
import pytest

import visionfw as vf
from visionfw.layers.facts import facts_by_name
from visionfw.layers.keras_layers import ALIASES, KERAS_LAYERS, REFUSED


def layers_of_keras():
    entries = {name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()}
    return {name for name, entry in entries.items() if inspect.isclass(entry) and issubclass(entry, keras.layers.Layer)}


def test_every_layer_of_the_installed_keras_is_listed_or_refused():
    """A new release's layers fail here: look at what each does, and enter it in one of the tables."""
    assert layers_of_keras() - {*KERAS_LAYERS, *ALIASES, *REFUSED} == set()


def test_every_listed_layer_is_one_of_keras():
    assert {*KERAS_LAYERS, *ALIASES} <= layers_of_keras()
    assert not {*KERAS_LAYERS, *ALIASES} & set(REFUSED)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_another_name_of_the_same_class(alias, name):
    assert getattr(keras.layers, alias) is getattr(keras.layers, name)
    assert facts_by_name(alias) is facts_by_name(name)


@pytest.mark.parametrize("name", [name for name, facts in KERAS_LAYERS.items() if facts.takes is not None])
def test_a_layer_takes_all_of_its_groups_defaults_that_keras_knows(name):
    taken = KERAS_LAYERS[name].takes
    parameters = set(inspect.signature(getattr(keras.layers, name).__init__).parameters) - {"self", "kwargs", "dtype", "name"}
    assert taken - {"activity_regularizer"} <= parameters
    assert parameters <= taken


@pytest.mark.parametrize("name", [name for name, facts in KERAS_LAYERS.items() if facts.kernel_initializer])
def test_the_kernels_initializer_is_one_of_its_parameters(name):
    assert KERAS_LAYERS[name].kernel_initializer in inspect.signature(getattr(keras.layers, name).__init__).parameters


def test_a_layer_of_a_later_keras_is_refused_until_it_is_listed(monkeypatch):
    monkeypatch.setattr(keras.layers, "RunsAnything", type("RunsAnything", (keras.layers.Layer,), {}), raising=False)
    with pytest.raises(vf.ModelDefinitionError) as caught:
        vf.check({"name": "Net", "layer": [(0, 1)], "layer_sub": "RunsAnything"})
    assert caught.value.problems == [
        "Net: layer[0] (0 -> 1): layer 'RunsAnything' cannot stand in a dictionary: it is not among the Keras layers that visionfw has reviewed; "
        "if it is safe, register it under another name with vf.register_layer"
    ]
