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


def test_no_patches_are_refused():
    with pytest.raises(RequestError, match="at least one patch"):
        Uniform(0)
