"""Resampling weights and windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.numerics import cubic_kernel, gaussian_window, resampling_taps, summed_area_table, window_sums


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


def test_window_sums_are_sums_over_every_window_or_over_a_grid_of_them():
    image = np.random.default_rng(0).random((9, 11))
    table = summed_area_table(image)
    expected = np.array([[image[row : row + 3, column : column + 4].sum() for column in range(8)] for row in range(7)])
    np.testing.assert_allclose(window_sums(table, 3, 4), expected)
    top, left = np.array([0, 5]), np.array([1, 2, 7])
    np.testing.assert_allclose(window_sums(table, 3, 4, top, left), expected[np.ix_(top, left)])
