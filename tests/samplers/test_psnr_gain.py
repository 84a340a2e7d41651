"""The adaptive sampler against the rule it is defined by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.errors import RequestError
from visionfw.samplers import PSNRGain
from visionfw.samplers.psnr_gain import redistribution


def test_the_worked_example():
    sampler = PSNRGain(10, bins=4)
    sampler.update(np.array([1, 3, 4, 7, 8]), np.array([0.0, 1, 2, 2, 4]))
    expected = np.full(10, 0.1)
    expected[[1, 3, 4, 7, 8]] = 0.15625, 0.125, 0.09375, 0.09375, 0.03125
    np.testing.assert_allclose(sampler.probabilities(), expected, rtol=1e-6)


@given(st.lists(st.floats(-5, 20), min_size=1, max_size=40), st.integers(1, 60))
def test_redistribution_is_the_sum_over_bins_written_out(scores, bins):
    scores = np.array(scores)
    new = redistribution(scores, bins)
    edges = np.linspace(scores.min(), scores.max(), bins + 1)
    if len(set(edges.tolist())) <= bins:
        assert (new == 1).all()
        return
    bin_of = [max(b for b in range(bins) if edges[b] <= score or b == 0) for score in scores]
    counts = np.bincount(bin_of, minlength=bins)
    expected = [sum((edges[j + 1] - edges[j]) * counts[j] for j in range(b, bins)) for b in bin_of]
    np.testing.assert_allclose(new, expected, rtol=1e-9)
    assert (np.diff(new[np.argsort(scores)]) <= 1e-12).all()  # a higher score never gets more


@pytest.mark.parametrize("scores", [[30.0, 30.0], [30.0, np.nextafter(30.0, 31)], [0.0, 5e-324]])
def test_scores_that_bins_cannot_tell_apart_count_as_equal(scores):
    np.testing.assert_array_equal(redistribution(np.array(scores), 50), [1, 1])


@given(st.integers(2, 3000), st.integers(1, 60), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_probability_moves_only_among_the_drawn_patches(n, k, seed):
    sampler = PSNRGain(n, seed)
    before = sampler.probabilities()
    ids = sampler.draw(min(k, n))
    assert len(set(ids.tolist())) == len(ids)
    sampler.update(ids, np.random.default_rng(seed).normal(size=len(ids)))
    after = sampler.probabilities()
    assert after.sum() == pytest.approx(1, abs=1e-5)
    others = np.setdiff1d(np.arange(n), ids)
    np.testing.assert_allclose(after[others], before[others], rtol=1e-5)


def test_patches_without_probability_come_last():
    start = np.zeros(50)
    start[[3, 7]] = 1
    drawn = PSNRGain(50, start=start).draw(2)
    assert set(drawn.tolist()) == {3, 7}
    drawn = PSNRGain(50, start=start).draw(10)
    assert {3, 7} < set(drawn.tolist())
    assert len(set(drawn.tolist())) == 10


def test_a_uniform_fraction_keeps_every_patch_in_play():
    start = np.zeros(1000)
    start[0] = 1
    sampler = PSNRGain(1000, start=start, uniform=0.5)
    assert sampler.probabilities().min() == pytest.approx(0.0005)
    assert len({patch for _ in range(120) for patch in sampler.draw(50).tolist()}) > 900


def test_patches_of_low_gain_come_again_sooner():
    sampler = PSNRGain(100, seed=2)
    gains = np.linspace(0, 3, 100)
    counts = np.zeros(100)
    for _ in range(200):
        ids = sampler.draw(20)
        counts[ids] += 1
        sampler.update(ids, gains[ids])
    assert counts[:50].sum() > 1.3 * counts[50:].sum()


def test_starting_from_bicubic_makes_hard_patches_likely():
    psnr = np.array([20.0, 25, 30, 35], np.float32)
    weights = PSNRGain(4, start="bicubic", measure={"bicubic_psnr": psnr}.__getitem__).probabilities()
    np.testing.assert_allclose(weights[:-1] / weights[1:], np.exp(5 / psnr.std()), rtol=1e-5)


@given(st.integers(2, 200), st.integers(1, 300))
@settings(max_examples=30, deadline=None)
def test_a_restored_sampler_continues_exactly(n, k):
    sampler = PSNRGain(n, 5)
    ids = sampler.draw(k)
    sampler.update(ids, np.cos(ids))
    state = sampler.state()
    expected = sampler.draw(k)
    other = PSNRGain(n, 9)
    other.restore(state)
    np.testing.assert_array_equal(other.draw(k), expected)


@pytest.mark.parametrize(
    ("create", "sentence"),
    [
        (lambda: PSNRGain(0), "at least one patch"),
        (lambda: PSNRGain(5, bins=0), "bins must be at least 1"),
        (lambda: PSNRGain(5, uniform=2), "uniform from 0 to 1"),
        (lambda: PSNRGain(5, start=np.zeros(5)), "start must be 5 finite probabilities"),
        (lambda: PSNRGain(5, start="bicubic"), r"start must be 'uniform', 'bicubic' \(with `measure`\) or an array"),
        (lambda: PSNRGain(5, start="flat"), "not 'flat'"),
    ],
)
def test_wrong_arguments_are_refused(create, sentence):
    with pytest.raises(RequestError, match=sentence):
        create()
