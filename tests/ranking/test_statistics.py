"""Differences that are there are found, those that are not are not; ranks and their stability by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.ranking.statistics import difference, differences, ranks, stability


def gains(mean, seeds=3, images=40, seed=0, noise=0.02):
    """Images differ much among each other, alike for everyone; a run adds its own little noise."""
    images_own = np.random.default_rng(99).normal(2, 1, images)
    return images_own + mean + np.random.default_rng(seed).normal(0, noise, (seeds, 1)) + np.random.default_rng(seed + 50).normal(0, noise, (seeds, images))


def test_a_difference_far_above_the_seeds_is_real_though_images_differ_more():
    found = difference("A", "B", gains(0.0, seed=1), gains(0.3, seed=2))
    assert (found.better, found.worse) == ("B", "A")
    assert found.gain == pytest.approx(0.3, abs=0.05)
    assert 0.2 < found.low < found.gain < found.high < 0.4
    assert found.is_real
    assert found.sentence().startswith("B > A (+0.")


def test_seeds_that_differ_as_much_as_names_decide_nothing():
    a, b = (gains(mean, seed=seed, noise=0.1) for mean, seed in ((0.0, 3), (0.02, 4)))
    found = difference("A", "B", a, b)
    assert not found.is_real
    assert "not distinguishable at this budget" in found.sentence()


def test_few_images_have_no_test():
    found = difference("A", "B", gains(0.0, images=5), gains(0.5, images=5, seed=9))
    assert found.p_value is None
    assert "too few images for a test" in found.sentence()


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_interval_covers_what_is_there(seed):
    a, b = (gains(0.0, seeds=4, seed=seed + offset) for offset in (0, 5000))
    found = difference("A", "B", a, b, seed)
    assert found.low <= found.gain <= found.high
    assert found.gain >= 0


def test_every_two_are_compared_best_first():
    found = differences(["x", "y", "z"], [gains(0.0), gains(0.6, seed=1), gains(0.3, seed=2)])
    assert [(one.better, one.worse) for one in found] == [("y", "z"), ("y", "x"), ("z", "x")]


def test_ranks_share_places_and_stability_is_kendalls():
    np.testing.assert_array_equal(ranks(np.array([1.0, 3.0, 3.0, 0.0])), [3, 1.5, 1.5, 4])
    assert stability(np.array([[1, 2, 3], [1, 2, 3]])) == pytest.approx(1)
    assert stability(np.array([[1, 2, 3], [3, 2, 1]])) == pytest.approx(-1)
    assert stability(np.array([[1, 2, 3]])) == 1
