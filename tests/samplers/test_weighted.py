"""Weighted draws without replacement, in distribution and in memory."""

import tracemalloc

import numpy as np

from visionfw.samplers.weighted import Weights


def test_draws_are_in_proportion_to_the_weights():
    weights = np.array([1.0, 2, 3, 4]).repeat(500)
    random = np.random.default_rng(0)
    counts = np.zeros(2000)
    for _ in range(2000):
        counts[Weights(2000, weights).draw(5, random)] += 1
    np.testing.assert_allclose(counts.reshape(4, 500).sum(axis=1) / counts.sum(), [0.1, 0.2, 0.3, 0.4], atol=0.015)


def test_the_distribution_is_that_of_numpys_choice_without_replacement():
    """Three of five: how often each patch is among the drawn ones."""
    weights = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
    random = np.random.default_rng(1)
    ours, numpys = np.zeros(5), np.zeros(5)
    for _ in range(6000):
        ours[Weights(5, weights).draw(3, random)] += 1
        numpys[random.choice(5, 3, replace=False, p=weights)] += 1
    np.testing.assert_allclose(ours / ours.sum(), numpys / numpys.sum(), atol=0.01)


def test_many_draws_are_in_proportion_too():
    """More draws than are searched at a time, from blocks of very different sums."""
    weights = np.repeat([1.0, 10.0, 0.0, 5.0], 5000)
    drawn = Weights(20_000, weights).draw(3000, np.random.default_rng(2))
    counts = np.bincount(drawn // 5000, minlength=4)
    assert len(set(drawn.tolist())) == 3000
    assert counts[2] == 0
    assert counts[0] < counts[3] < counts[1]


def test_memory_is_four_bytes_per_patch():
    assert Weights(10**6).values.nbytes == 4 * 10**6


def test_a_draw_of_100_000_patches_takes_little_memory():
    weights = Weights(300_000)
    tracemalloc.start()
    try:
        weights.draw(100_000, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20


def test_no_draws_are_an_empty_array():
    assert Weights(5).draw(0, np.random.default_rng(0)).shape == (0,)
