"""Forecasts of the memory of a forward pass: what attention holds inside counts, and attention among all pixels grows with their square."""

import keras
import pytest

import visionfw as vf
from visionfw.graph.analysis import memory
from visionfw.graph.analysis.memory import ForwardMemory
from visionfw.graph.analysis.receptive_field import receptive_field_of

FLOAT = 4


def memory_of(*layers, **keys):
    links = [(0, [("Conv2D", {"filters": 8}), *layers, ("Conv2D", {"filters": 3})], "sr")]
    return receptive_field_of(vf.build({"name": "x", "scale": 1, "links": links, **keys})).memory


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """Forecast for a backend that frees a tensor as soon as nothing needs it."""
    monkeypatch.setattr(memory, "backend_name", lambda: "tensorflow")


def test_convolutions_hold_their_source_and_their_output():
    assert memory_of() == ForwardMemory(1.5 * FLOAT * (3 + 8))
    assert memory_of(("Conv2D", {"filters": 32}), ("Conv2D", {"filters": 16})) == ForwardMemory(1.5 * FLOAT * (32 + 16))


def test_logits_of_windows_count():
    """Queries, keys and values, and logits with their softmax: 4 heads x 64 values a pixel, twice."""
    plain, attended = memory_of(), memory_of(("WindowAttention", {"heads": 4, "window": 8}))
    assert attended.quadratic == 0
    assert attended.linear >= plain.linear + 1.5 * FLOAT * 2 * 4 * 64
    assert attended.linear <= 1.5 * FLOAT * (2 * 4 * 64 + 12 * 8)


def test_attention_among_all_pixels_grows_with_their_square():
    made = memory_of(("SelfAttention", {"heads": 2}))
    assert made.quadratic == pytest.approx(1.5 * FLOAT * 2 * 2, rel=0.1)
    assert made.bytes_for(100) == pytest.approx(100 * made.linear + 10_000 * made.quadratic)
    assert made.bytes_for(made.pixels_within(10**9)) == pytest.approx(10**9)


def test_a_layer_that_is_no_graph_of_operations_counts_with_its_output():
    class Opaque(keras.layers.Layer):
        def call(self, x):
            return x if float(keras.ops.sum(x)) > 0 else -x

    x = keras.Input((None, None, 3))
    layer = Opaque()
    assert memory._traced_peak(layer, [(1, 4, 4, 3)]) == 0
    assert receptive_field_of(keras.Model(x, keras.layers.ReLU()(x))).memory == ForwardMemory(1.5 * FLOAT * 6)


def test_pytorch_keeps_the_output_of_every_layer(monkeypatch):
    monkeypatch.setattr(memory, "backend_name", lambda: "torch")
    assert memory_of() == ForwardMemory(1.5 * FLOAT * (3 + 8 + 3))


def test_sizes_count_where_a_model_enlarges():
    d = {"name": "x", "scale": 2, "links": [(0, "UpSampling2D", "sr")]}
    assert receptive_field_of(vf.build(d)).memory == ForwardMemory(1.5 * FLOAT * 3 * 5)
