"""How often an image is shrunk to representative pixels, whether its size is known before or only when the model runs."""

import math

import keras
import numpy as np
import pytest

from visionfw.layers.attention.recursive import RecursiveGeneralizationAttention, _is_needed


def published(height, width, training):
    """The formula of RGT's code."""
    times = max(int(math.log(size // (4 if training else 16), 4)) for size in (height, width))
    return times if training else max(times, 2)


@pytest.mark.parametrize("training", [True, False])
def test_an_image_is_shrunk_as_often_as_the_paper_does_it(training):
    for height, width in [(16, 16), (48, 48), (63, 64), (64, 64), (255, 17), (256, 300), (1023, 64), (1024, 64), (4095, 300), (4096, 300), (70_000, 4096)]:
        assert sum(_is_needed(number, max(height, width), training) for number in range(8)) == published(height, width, training)


@pytest.mark.parametrize("size", [(64, 1030), (16, 70)])
def test_a_size_that_is_not_known_before_gives_the_same(size):
    layer = RecursiveGeneralizationAttention(heads=2)
    entry = keras.Input((None, None, 8))
    model = keras.Model(entry, layer(entry))
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(0, 0.5, weight.shape) for weight in layer.weights])
    x = random.random((1, *size, 8), np.float32)
    np.testing.assert_allclose(model.predict_on_batch(x), layer(x), atol=1e-5)
