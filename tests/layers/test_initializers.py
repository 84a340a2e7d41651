"""Initializers by name, as Keras takes them."""

import numpy as np
import pytest

from visionfw.errors import RequestError
from visionfw.layers.initializers import INITIALIZERS, keras_initializer


def test_an_initializer_is_plain_data_for_keras():
    assert keras_initializer(INITIALIZERS.parse("he_normal")) == {"class_name": "HeNormal", "config": {}}
    assert keras_initializer(INITIALIZERS.parse("normal:0.001")) == {"class_name": "RandomNormal", "config": {"stddev": 0.001}}
    assert keras_initializer(INITIALIZERS.parse("uniform:maxval=0.2")) == {"class_name": "RandomUniform", "config": {"maxval": 0.2, "minval": -0.2}}


@pytest.mark.parametrize("text", ["he_normal:1", "normal:0", "normal:x", "normall", "orthogonal:gain=1,gain=2"])
def test_a_wrong_initializer_is_refused(text):
    with pytest.raises(RequestError, match=r"^--initializer: "):
        INITIALIZERS.parse(text, "initializer")


@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_keras_makes_every_initializer(name):
    import keras

    values = keras.ops.convert_to_numpy(keras.initializers.get(keras_initializer(INITIALIZERS.parse(name)))((3, 3, 4, 4)))
    assert np.isfinite(values).all()
    assert values.std() > 0
