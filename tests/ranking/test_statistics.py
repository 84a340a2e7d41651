"""Differences that are there are found, those that are not are not; ranks and their stability by hand."""

import numpy as np
import pytest

from visionfw.ranking.statistics import difference, differences, ranks, stability


def gains(mean, seeds=3, images=40, seed=0, noise=0.02):
    """Images differ much among each other, alike for everyone; a run adds its own little noise."""
    images_own = np.random.default_rng(99).normal(2, 1, images)
    return images_own + mean + np.random.default_rng(seed).normal(0, noise, (seeds, 1)) + np.random.default_rng(seed + 50).normal(0, noise, (seeds, images))


def test_a_difference_far_above_the_seeds_is_real_though_images_differ_more():
    found = difference("A", "B", [gains(0.0, seed=1)], [gains(0.3, seed=2)])
    assert (found.better, found.worse) == ("B", "A")
    assert found.gain == pytest.approx(0.3, abs=0.05)
    assert 0.1 < found.low < found.gain < found.high < 0.5
    assert found.is_real
    assert found.sentence().startswith("B > A (+0.")


def test_seeds_that_differ_as_much_as_names_decide_nothing():
    a, b = ([gains(mean, seed=seed, noise=0.1)] for mean, seed in ((0.0, 3), (0.02, 4)))
    found = difference("A", "B", a, b)
    assert not found.is_real
    assert "not distinguishable at this budget" in found.sentence()


def test_few_images_have_no_test():
    found = difference("A", "B", [gains(0.0, images=5)], [gains(0.5, images=5, seed=9)])
    assert found.p_value is None
    assert "p =" not in found.sentence()


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_equal_names_are_seldom_called_different(seeds):
    """Runs that differ by chance alone: of 200 pairs no more than one in ten is called real, and a real one is nearly always found."""
    false = sum(difference("A", "B", [gains(0.0, seeds, seed=2 * n, noise=0.03)], [gains(0.0, seeds, seed=2 * n + 1, noise=0.03)]).is_real for n in range(200))
    assert false <= 20
    found = [difference("A", "B", [gains(0.0, 3, seed=2 * n)], [gains(0.2, 3, seed=2 * n + 1)]) for n in range(40)]
    assert sum(one.is_real for one in found) >= 36
    assert sum(one.low < 0.2 < one.high for one in found) >= 34


def test_one_seed_decides_nothing():
    found = difference("A", "B", [gains(0.0, 1)], [gains(0.5, 1, seed=9)])
    assert not found.is_real
    assert "not distinguishable by one seed" in found.sentence()


def test_every_two_are_compared_best_first():
    found = differences(["x", "y", "z"], [[gains(0.0)], [gains(0.6, seed=1)], [gains(0.3, seed=2)]])
    assert [(one.better, one.worse) for one in found] == [("y", "z"), ("y", "x"), ("z", "x")]


def test_ranks_share_places_and_stability_is_kendalls():
    np.testing.assert_array_equal(ranks(np.array([1.0, 3.0, 3.0, 0.0])), [3, 1.5, 1.5, 4])
    assert stability(np.array([[1, 2, 3], [1, 2, 3]])) == pytest.approx(1)
    assert stability(np.array([[1, 2, 3], [3, 2, 1]])) == pytest.approx(-1)
    assert stability(np.array([[1, 2, 3]])) == 1
