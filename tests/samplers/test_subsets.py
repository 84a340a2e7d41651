"""Samplers of a part of the patches, chosen before training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.errors import RequestError
from visionfw.samplers import Hardest, Headroom, Subset, Widening, make
from visionfw.samplers.options import SAMPLERS, read_sampler


@given(st.integers(1, 3000), st.integers(1, 400), st.floats(0.01, 1), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_only_patches_up_to_the_level_are_drawn_and_none_twice_in_a_pass(n, k, share, seed):
    figure = np.random.default_rng(seed).permutation(n).astype(np.float32)
    most = np.quantile(figure, share)
    inside = np.flatnonzero(figure <= most)
    drawn = Subset(figure, most, seed=seed).draw(k)
    assert drawn.shape == (k,)
    assert (figure[drawn] <= most).all()
    counts = np.bincount(drawn, minlength=n)[inside]
    assert counts.max() - counts.min() <= 1


def test_draws_are_uniform_inside():
    figure = np.arange(1000, dtype=np.float32)
    sampler = Subset(figure, most=499, seed=1)
    counts = np.bincount(np.concatenate([sampler.draw(20) for _ in range(2000)]), minlength=1000)
    assert counts[500:].sum() == 0
    np.testing.assert_allclose(counts[:500], 80, atol=5 * np.sqrt(80))
    assert sampler.probabilities().sum() == pytest.approx(1)


def test_widening_starts_with_the_hardest_and_ends_with_all():
    psnr = np.linspace(20, 40, 4000, dtype=np.float32)
    sampler = Widening(psnr, 0.25, 0.5, rounds=11)
    highest = [psnr[sampler.draw(200)].max() for _ in range(11)]
    assert max(highest[:6]) <= 25.01
    assert highest[6] <= 20 + 20 * 0.41
    assert highest[-1] > 39
    assert highest[5:] == sorted(highest[5:])


@pytest.mark.parametrize("kind", [Widening, Hardest, lambda psnr, *rest, **more: Headroom(psnr, 40 - psnr, *rest, **more)])
def test_a_restored_sampler_goes_on_exactly(kind):
    psnr = np.linspace(20, 40, 500, dtype=np.float32)
    sampler = kind(psnr, 0.2, 0.3, rounds=10, seed=4)
    for _ in range(6):
        ids = sampler.draw(30)
        if sampler.score:
            sampler.update(ids, np.cos(ids))
    state = sampler.state()
    expected = [sampler.draw(30) for _ in range(3)]
    other = kind(psnr, 0.2, 0.3, rounds=10, seed=9)
    other.restore(state)
    np.testing.assert_array_equal([other.draw(30) for _ in range(3)], expected)


@pytest.mark.parametrize("text", [*SAMPLERS, "widening:by=headroom", "low_psnr_static:share=0.5,by=bicubic", "psnr_gain:score=psnr,start=bicubic"])
def test_every_sampler_that_can_be_named_is_made_and_draws(text):
    figure = np.random.default_rng(0).normal(28, 4, 300).astype(np.float32)
    sampler = make(read_sampler(text), 300, 0, 10, lambda what: figure)
    ids = sampler.draw(20)
    assert len(set(ids.tolist())) == 20
    assert sampler.probabilities().sum() == pytest.approx(1, abs=1e-5)
    assert sampler.wanted().shape == (300,)
    order = sampler.probabilities()[np.argsort(-sampler.wanted(), kind="stable")]
    assert (np.diff(order) <= 0).all()  # what is wanted more is not less likely


def test_after_its_last_round_widening_wants_all():
    psnr = np.linspace(20, 40, 400, dtype=np.float32)
    sampler = Widening(psnr, 0.2, 1.0, rounds=4)
    for _ in range(5):  # one more than there are: rounds are drawn ahead
        sampler.draw(10)
    other = Widening(psnr, 0.2, 0.5, rounds=4)
    other.restore(sampler.state())
    assert (other.probabilities() > 0).all()
    assert list(np.argsort(-other.wanted())) == list(range(400))


def test_the_hardest_are_those_that_the_model_does_worst():
    """Of 1000 patches alike for bicubic the model learns the even ones well; then the odd ones are drawn."""
    sampler = Hardest(np.full(1000, 30, np.float32) + np.arange(1000, dtype=np.float32) / 1e6, 0.5, 1.0, rounds=20)
    for _ in range(10):
        ids = sampler.draw(300)
        sampler.update(ids, np.where(ids % 2 == 0, 2.0, 0.0))
    assert (sampler.draw(300) % 2 == 1).mean() > 0.95


def test_a_round_of_higher_gains_moves_no_patch_before_those_of_another_round():
    sampler = Hardest(np.full(4, 30, np.float32), 1.0, 0.0, rounds=9)
    sampler.update(np.array([0, 1]), np.array([1.0, 3.0]))
    sampler.update(np.array([2, 3]), np.array([11.0, 13.0]))
    np.testing.assert_allclose(sampler.state()["figure"], [29, 31, 29, 31])


PSNR = np.full(1000, 30, np.float32)
ERROR = 255.0**2 / 1000  # squared error at 30 dB


def test_most_is_gained_where_the_model_takes_most_error_away():
    """Of 1000 patches alike for bicubic and the back-projection the model mends the even ones alone; then these are drawn."""
    sampler = Headroom(PSNR, np.full(1000, 20, np.float32) + np.arange(1000, dtype=np.float32) / 1e6, 0.5, 1.0, rounds=20)
    for _ in range(10):
        ids = sampler.draw(300)
        sampler.update(ids, np.where(ids % 2 == 0, 4.0, 0.1))
    assert (sampler.draw(300) % 2 == 0).mean() > 0.95


def test_what_can_be_gained_is_the_error_that_is_gone_on_the_scale_of_the_back_projection():
    sampler = Headroom(PSNR, np.full(1000, 20, np.float32), 1.0, 0.0, rounds=9)
    sampler.update(np.array([0, 1]), np.array([3.0, 6.0]))
    gone = ERROR * (1 - 10 ** -np.array([0.3, 0.6]))
    np.testing.assert_allclose(sampler.state()["figure"][:3], [*(-gone * 40 / gone.sum()), -20], rtol=1e-5)


def test_a_model_is_believed_as_far_as_it_mends_what_the_back_projection_does():
    sampler = Headroom(PSNR, np.full(1000, 20, np.float32), 1.0, 0.0, rounds=9)
    sampler.update(np.array([0, 1]), np.array([0.0, 0.5]))
    gone = ERROR * (1 - 10**-0.05)
    np.testing.assert_allclose(sampler.state()["figure"][:2], [-20 * (1 - gone / 40), -20 * (1 - gone / 40) - gone], rtol=1e-5)
    sampler.update(np.array([2, 3]), np.array([-0.5, -1.0]))  # it does harm as yet: the back-projection's order, and what it did
    harm = ERROR * (10 ** np.array([0.05, 0.1]) - 1)
    np.testing.assert_allclose(sampler.state()["figure"][2:4], -20 + harm, rtol=1e-5)


def test_where_back_projection_does_harm_the_error_itself_is_what_can_be_gained():
    psnr = np.linspace(20, 40, 1000, dtype=np.float32)
    sampler = Headroom(psnr, np.full(1000, -20, np.float32) - psnr, 0.25, 1.0, rounds=20)
    assert sampler.draw(200).max() < 250
    ids = sampler.draw(200)
    sampler.update(ids, np.where(ids % 2 == 0, 4.0, 0.1))
    for _ in range(10):
        ids = sampler.draw(200)
        sampler.update(ids, np.where(ids % 2 == 0, 4.0, 0.1))
    assert (sampler.draw(200) % 2 == 0).mean() > 0.8


def test_hard_patches_are_likely_at_the_start_from_bicubic():
    psnr = np.array([20.0, 25, 30, 35], np.float32)
    weights = make(read_sampler("psnr_gain:start=bicubic"), 4, 0, 1, lambda what: psnr).probabilities()
    np.testing.assert_allclose(weights[:-1] / weights[1:], np.exp(5 / psnr.std()), rtol=1e-5)


def test_a_level_that_leaves_nothing_is_refused():
    with pytest.raises(RequestError, match="leaves no patch to draw"):
        make(read_sampler("flatness:least=99"), 5, 0, 1, lambda what: np.ones(5, np.float32))
