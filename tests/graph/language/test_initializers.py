"""First weights as they are written."""

import keras
import pytest

from visionfw.errors import RequestError
from visionfw.graph.language.initializers import INITIALIZERS, read_initializer


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_name_is_one_of_keras(name):
    read = read_initializer(name)
    assert type(keras.initializers.get(read)).__name__ == read["class_name"]


def test_a_size_is_the_standard_deviation_or_the_bound():
    assert read_initializer("normal:0.001") == {"class_name": "RandomNormal", "config": {"stddev": 0.001}}
    assert read_initializer("uniform:0.1")["config"] == {"maxval": 0.1, "minval": -0.1}
    assert read_initializer("") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nrmal:1", "--initializer: no initializer 'nrmal'; did you mean 'normal'?"),
        ("normal:-1", "a size is a number above 0, not '-1'"),
        ("normal:x", "a size is a number above 0, not 'x'"),
        ("he_normal:2", "--initializer=he_normal:2: takes no size"),
    ],
)
def test_what_is_wrong_is_told(text, sentence):
    with pytest.raises(RequestError) as error:
        read_initializer(text)
    assert sentence in str(error.value)
