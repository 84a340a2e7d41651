"""A registry overwrites nothing and names the nearest."""

import pytest

from visionfw.errors import RequestError
from visionfw.registry import Registry


def test_an_entry_is_found_by_its_name():
    registry = Registry("layer")

    @registry.decorator
    def first(): ...

    @registry.decorator("other")
    def second(): ...

    assert registry.names() == ["first", "other"]
    assert registry.get("other") is second


def test_a_name_is_taken_once():
    registry = Registry("layer")
    registry.add("a", 1)
    with pytest.raises(RequestError, match="a layer 'a' is registered already"):
        registry.add("a", 2)


def test_an_unknown_name_is_refused_with_the_nearest():
    registry = Registry("layer")
    registry.add("swirl", 1)
    with pytest.raises(RequestError, match="no layer 'swril'; did you mean 'swirl'"):
        registry.get("swril")


def test_a_layer_of_keras_keeps_its_name():
    import keras

    from visionfw.registry import register_layer

    for wrong in (type("Conv2D", (keras.layers.Layer,), {}), 5):
        with pytest.raises(RequestError, match=r"Keras has a layer 'Conv2D'|takes a layer's class or a name"):
            register_layer(wrong)


def test_a_temporary_entry_goes_away():
    registry = Registry("layer")
    with registry.temporary("a", 1):
        assert "a" in registry
    assert "a" not in registry
