"""The adaptive sampler, against its text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.errors import RequestError
from visionfw.samplers import PSNRGain
from visionfw.samplers.psnr_gain import shares
from visionfw.samplers.weighted import Weights


def test_the_worked_example():
    sampler = PSNRGain(10, bins=4)
    sampler.update(np.array([1, 3, 4, 7, 8]), np.array([0.0, 1, 2, 2, 4]))
    expected = np.full(10, 0.1)
    expected[[1, 3, 4, 7, 8]] = 0.15625, 0.125, 0.09375, 0.09375, 0.03125
    np.testing.assert_allclose(sampler.probabilities(), expected, rtol=1e-6)


@given(st.lists(st.floats(-5, 20), min_size=1, max_size=40), st.integers(1, 60))
def test_shares_are_the_sum_over_bins_written_out(scores, bins):
    scores = np.array(scores)
    made = shares(scores, bins)
    if scores.max() == scores.min():
        assert (made == 1).all()
        return
    edges = np.linspace(scores.min(), scores.max(), bins + 1)
    bin_of = [max(b for b in range(bins) if edges[b] <= score or b == 0) for score in scores]
    counts = np.bincount(bin_of, minlength=bins)
    expected = [sum((edges[j + 1] - edges[j]) * counts[j] for j in range(b, bins)) for b in bin_of]
    np.testing.assert_allclose(made, expected, rtol=1e-9)
    assert (np.diff(made[np.argsort(scores)]) <= 1e-12).all()  # a higher score never gets more


@given(st.integers(2, 3000), st.integers(1, 60), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_mass_moves_only_inside_what_was_drawn(n, k, seed):
    sampler = PSNRGain(n, seed)
    before = sampler.probabilities()
    ids = sampler.draw(min(k, n))
    assert len(set(ids.tolist())) == len(ids)
    sampler.update(ids, np.random.default_rng(seed).normal(size=len(ids)))
    after = sampler.probabilities()
    assert after.sum() == pytest.approx(1, abs=1e-5)
    others = np.setdiff1d(np.arange(n), ids)
    np.testing.assert_allclose(after[others], before[others], rtol=1e-5)


def test_draws_are_in_proportion_to_the_weights():
    weights = np.array([1.0, 2, 3, 4]).repeat(500)
    random = np.random.default_rng(0)
    counts = np.zeros(2000)
    for _ in range(2000):
        counts[Weights(2000, weights).draw(5, random)] += 1
    np.testing.assert_allclose(counts.reshape(4, 500).sum(axis=1) / counts.sum(), [0.1, 0.2, 0.3, 0.4], atol=0.015)


def test_without_replacement_is_numpys_in_distribution():
    """Three of five: the share of each patch among the drawn, against numpy's own weighted choice."""
    weights = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
    random = np.random.default_rng(1)
    ours, theirs = np.zeros(5), np.zeros(5)
    for _ in range(6000):
        ours[Weights(5, weights).draw(3, random)] += 1
        theirs[random.choice(5, 3, replace=False, p=weights)] += 1
    np.testing.assert_allclose(ours / ours.sum(), theirs / theirs.sum(), atol=0.01)


def test_patches_without_weight_come_last():
    start = np.zeros(50)
    start[[3, 7]] = 1
    drawn = PSNRGain(50, start=start).draw(2)
    assert set(drawn.tolist()) == {3, 7}
    drawn = PSNRGain(50, start=start).draw(10)
    assert {3, 7} < set(drawn.tolist())
    assert len(set(drawn.tolist())) == 10


def test_a_uniform_share_keeps_every_patch_in_play():
    start = np.zeros(1000)
    start[0] = 1
    sampler = PSNRGain(1000, start=start, uniform_share=0.5)
    assert sampler.probabilities().min() == pytest.approx(0.0005)
    assert len({patch for _ in range(120) for patch in sampler.draw(50).tolist()}) > 900


def test_low_gains_come_again_sooner():
    sampler = PSNRGain(100, seed=2)
    gains = np.linspace(0, 3, 100)
    counts = np.zeros(100)
    for _ in range(200):
        ids = sampler.draw(20)
        counts[ids] += 1
        sampler.update(ids, gains[ids])
    assert counts[:50].sum() > 1.3 * counts[50:].sum()


@given(st.integers(2, 200), st.integers(1, 300))
@settings(max_examples=30, deadline=None)
def test_a_restored_sampler_goes_on_exactly(n, k):
    sampler = PSNRGain(n, 5)
    ids = sampler.draw(k)
    sampler.update(ids, np.cos(ids))
    state = sampler.state()
    expected = sampler.draw(k)
    other = PSNRGain(n, 9)
    other.restore(state)
    np.testing.assert_array_equal(other.draw(k), expected)


def test_memory_is_four_bytes_a_patch():
    weights = Weights(10**6)
    assert weights.values.nbytes == 4 * 10**6


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: PSNRGain(0), "at least one patch"),
        (lambda: PSNRGain(5, bins=0), "bins must be at least 1"),
        (lambda: PSNRGain(5, uniform_share=2), "uniform_share from 0 to 1"),
        (lambda: PSNRGain(5, start=np.zeros(5)), "start: 5 finite probabilities"),
        (lambda: PSNRGain(5).update([1, 2], [1.0]), r"every drawn patch has one score, not \(2,\) patches and \(1,\) scores"),
        (lambda: PSNRGain(5).update([1], [float("nan")]), "a score is not finite"),
        (lambda: PSNRGain(6).restore(PSNRGain(5).state()), "state is of 5 patches, there are 6"),
    ],
)
def test_what_is_wrong_is_told(make, sentence):
    with pytest.raises(RequestError, match=sentence):
        make()
