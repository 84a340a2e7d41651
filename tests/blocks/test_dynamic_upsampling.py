"""DySample: without offsets it is bilinear upscaling, and its offsets begin small."""

import keras
import numpy as np
import pytest

import visionfw as vf


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_without_offsets_it_is_bilinear(scale):
    links = {"dysample": [(0, "dysample", "sr", {"scale": scale, "inputs": 3, "groups": 3, "convolution": False})]}
    links["bilinear"] = [(0, "Interpolate", "sr", {"scale": scale, "interpolation": "bilinear"})]
    sampled, expected = (vf.build({"name": name, "scale": scale, "links": rows}) for name, rows in links.items())
    x = np.random.default_rng(0).random((2, 5, 7, 3), np.float32)
    small = keras.ops.convert_to_numpy(sampled(x) - expected(x))
    assert 0 < np.abs(small).max() < 0.1
    sampled.set_weights([weight * 0 for weight in sampled.get_weights()])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(sampled(x)), keras.ops.convert_to_numpy(expected(x)), atol=1e-6)


def test_the_last_convolution_makes_an_image_of_features():
    model = vf.build({"name": "up", "scale": 2, "links": [(0, "dysample", "sr", {"scale": 2, "inputs": 3, "groups": 1})]})
    assert model.get_layer("block_sr-conv_end").kernel.shape == (1, 1, 3, 3)
