"""Partial convolutions: which channels they change, and what is refused."""

import keras
import numpy as np
import pytest

import visionfw as vf


def model_of(**parameters):
    links = [(0, "partial_convolution", "changed", {"filters": 3, "kernel_size": 5, **parameters})]
    return vf.build({"name": "partial", "scale": 1, "links": links})


@pytest.mark.parametrize("partial", [1, 2])
def test_other_channels_pass(partial):
    x = np.random.default_rng(0).random((1, 6, 7, 3), np.float32)
    changed = keras.ops.convert_to_numpy(model_of(partial=partial)(x)) != x
    assert changed[..., :partial].all() and not changed[..., partial:].any()


@pytest.mark.parametrize("partial", [2, 3])
def test_the_identity_adds_what_the_convolution_reads(partial):
    x = np.random.default_rng(0).random((1, 6, 7, 3), np.float32)
    plain, added = model_of(partial=partial), model_of(partial=partial, identity=True)
    added.set_weights(plain.get_weights())
    expected = x * (np.arange(3) < partial)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(added(x) - plain(x)), expected, atol=1e-6)


@pytest.mark.parametrize("partial", [0, 4])
def test_a_part_is_no_more_than_the_whole(partial):
    with pytest.raises(vf.ModelDefinitionError, match=f"partial must be between 1 and the 3 filters, not {partial}"):
        model_of(partial=partial)


def test_even_kernels_are_refused():
    with pytest.raises(vf.ModelDefinitionError, match="kernel_size must be odd, not 4"):
        model_of(partial=1, kernel_size=4)
