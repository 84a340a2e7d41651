"""Uniform draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionfw.errors import RequestError
from visionfw.samplers import Uniform


@given(st.integers(1, 50), st.integers(1, 200), st.integers(0, 3))
def test_no_patch_comes_again_before_all_have_come(n, k, seed):
    counts = np.bincount(Uniform(n, seed).draw(k), minlength=n)
    assert counts.sum() == k
    assert counts.max() - counts.min() <= 1


@given(st.integers(2, 50), st.integers(1, 40))
def test_a_restored_sampler_goes_on_exactly(n, k):
    sampler = Uniform(n, 5)
    sampler.draw(k)
    state = sampler.state()
    expected = sampler.draw(k)
    other = Uniform(n, 9)
    other.restore(state)
    np.testing.assert_array_equal(other.draw(k), expected)


def test_probabilities_sum_to_one():
    assert Uniform(7).probabilities().sum() == pytest.approx(1)


def test_no_patches_and_a_foreign_state_are_refused():
    with pytest.raises(RequestError, match="at least one patch"):
        Uniform(0)
    with pytest.raises(RequestError, match="state is of 5 patches, there are 6"):
        Uniform(6).restore(Uniform(5).state())
