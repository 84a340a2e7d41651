"""Resampling weights and windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.numerics import cubic_kernel, gaussian_window, resampling_taps


def test_the_cubic_kernel_is_keys_with_a_half():
    np.testing.assert_allclose(cubic_kernel(np.array([0, 0.5, 1, 1.5, 2, -0.5, 3])), [1, 0.5625, 0, -0.0625, 0, 0.5625, 0])


@given(st.integers(1, 60), st.sampled_from([1 / 4, 1 / 3, 1 / 2, 2, 3, 4, 1.5]))
def test_weights_sum_to_one_and_read_the_image(size, scale):
    indices, weights = resampling_taps(size, int(np.ceil(size * scale)), scale)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert indices.min() >= 0
    assert indices.max() < size


def test_a_gaussian_window_sums_to_one_and_is_symmetric():
    window = gaussian_window(11, 1.5)
    assert window.sum() == pytest.approx(1)
    np.testing.assert_allclose(window, window[::-1])
    assert window[4] / window[5] == pytest.approx(np.exp(-1 / 4.5))
