"""Samplers of a subset of the patches that is chosen before training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.errors import RequestError
from visionfw.samplers import Flatness, LowPSNR
from visionfw.samplers.subset import Subset


@given(st.integers(1, 3000), st.integers(1, 400), st.floats(0.01, 1), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_only_patches_inside_the_limits_are_drawn_and_none_twice_in_a_pass(n, k, fraction, seed):
    values = np.random.default_rng(seed).permutation(n).astype(np.float32)
    high = np.quantile(values, fraction)
    inside = np.flatnonzero(values <= high)
    drawn = Subset(n, seed, values=values, high=high).draw(k)
    assert drawn.shape == (k,)
    assert (values[drawn] <= high).all()
    counts = np.bincount(drawn, minlength=n)[inside]
    assert counts.max() - counts.min() <= 1


def test_draws_are_uniform_inside_the_limits():
    values = np.arange(1000, dtype=np.float32)
    sampler = Subset(1000, 1, values=values, high=499)
    counts = np.bincount(np.concatenate([sampler.draw(20) for _ in range(2000)]), minlength=1000)
    assert counts[500:].sum() == 0
    np.testing.assert_allclose(counts[:500], 80, atol=5 * np.sqrt(80))
    assert sampler.probabilities().sum() == pytest.approx(1)


def test_low_psnr_is_a_fraction_by_either_interpolation():
    values = {"bicubic_psnr": np.arange(100, dtype=np.float32), "bilinear_psnr": np.arange(100, dtype=np.float32)[::-1]}
    for by, expected in (("bicubic", range(10)), ("bilinear", range(90, 100))):
        sampler = LowPSNR(100, fraction=0.1, by=by, measure=values.__getitem__)
        assert np.flatnonzero(sampler.probabilities()).tolist() == list(expected)


def test_flat_patches_are_not_drawn():
    sampler = Flatness(100, min_deviation=30.0, measure={"deviation": np.arange(100, dtype=np.float32)}.__getitem__)
    assert np.flatnonzero(sampler.probabilities()).tolist() == list(range(30, 100))


def test_a_limit_that_leaves_nothing_is_refused():
    with pytest.raises(RequestError, match="leaves no patch to draw"):
        Flatness(5, min_deviation=99.0, measure={"deviation": np.ones(5, np.float32)}.__getitem__)
