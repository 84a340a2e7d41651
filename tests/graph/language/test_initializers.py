"""Initializers as `--initializer` names them."""

import keras
import pytest

from visionfw.errors import RequestError
from visionfw.graph.language.initializers import INITIALIZERS, read_initializer


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_name_is_an_initializer_of_keras(name):
    read = read_initializer(name)
    assert type(keras.initializers.get(read)).__name__ == read["class_name"]


@pytest.mark.parametrize("name", INITIALIZERS)
def test_without_a_size_it_is_keras_default(name):
    read = read_initializer(name)
    default = keras.initializers.get({"class_name": read["class_name"], "config": {}}).get_config()
    assert {key: default[key] for key in read["config"]} == read["config"]


def test_a_size_is_the_standard_deviation_or_the_bound():
    assert read_initializer("normal:0.001") == {"class_name": "RandomNormal", "config": {"stddev": 0.001}}
    assert read_initializer("normal:stddev=0.001") == read_initializer("normal:0.001")
    assert read_initializer("uniform:0.1")["config"] == {"maxval": 0.1, "minval": -0.1}
    assert read_initializer("") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nrmal:1", "--initializer: no initializer 'nrmal'; did you mean 'normal'?"),
        ("normal:-1", "--initializer: normal: stddev must be a number above 0, not '-1'"),
        ("normal:x", "--initializer: normal: stddev must be a number above 0, not 'x'"),
        ("he_normal:2", "--initializer: he_normal takes no options, but '2' is given"),
    ],
)
def test_a_wrong_initializer_is_one_line(text, sentence):
    with pytest.raises(RequestError) as error:
        read_initializer(text)
    assert sentence in str(error.value)
