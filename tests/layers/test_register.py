"""Layers from outside the package."""

import keras
import pytest

import visionfw as vf
from visionfw.errors import RequestError


def test_a_layer_of_keras_keeps_its_name():
    for wrong in (type("Conv2D", (keras.layers.Layer,), {}), 5):
        with pytest.raises(RequestError, match=r"Keras has a layer 'Conv2D'|takes a layer's class or a name"):
            vf.register_layer(wrong)
