"""Curriculum samplers: whom they start with, when they widen, and what adaptive ones learn."""

import numpy as np
import pytest

from visionfw.samplers import Hardest, Headroom, Widening

PSNR = np.full(1000, 30, np.float32)
ERROR = 255.0**2 / 1000  # squared error at 30 dB
TINY = np.arange(1000, dtype=np.float32) / 1e6  # makes quantiles distinct


def widening(psnr, **options):
    return Widening(len(psnr), by="bicubic", measure={"bicubic_psnr": psnr}.__getitem__, **options)


def hardest(psnr, **options):
    return Hardest(len(psnr), measure={"bicubic_psnr": psnr}.__getitem__, **options)


def headroom(psnr, removed, **options):
    return Headroom(len(psnr), measure={"bicubic_psnr": psnr, "headroom": removed}.__getitem__, **options)


def test_widening_starts_with_the_hardest_and_ends_with_all():
    psnr = np.linspace(20, 40, 4000, dtype=np.float32)
    sampler = widening(psnr, fraction=0.25, warm_fraction=0.5, rounds=11)
    highest = [psnr[sampler.draw(200)].max() for _ in range(11)]
    assert max(highest[:6]) <= 25.01
    assert highest[6] <= 20 + 20 * 0.41
    assert highest[-1] > 39
    assert highest[5:] == sorted(highest[5:])


def test_widening_by_headroom_starts_with_the_most_of_it():
    removed = np.arange(100, dtype=np.float32)
    sampler = Widening(100, fraction=0.1, warm_fraction=1.0, by="headroom", rounds=5, measure={"headroom": removed}.__getitem__)
    assert np.flatnonzero(sampler.probabilities()).tolist() == list(range(90, 100))


def test_after_its_last_round_widening_draws_all_and_still_ranks_them():
    psnr = np.linspace(20, 40, 400, dtype=np.float32)
    sampler = widening(psnr, fraction=0.2, warm_fraction=1.0, rounds=4)
    for _ in range(5):  # one more than there are: rounds are drawn ahead
        sampler.draw(10)
    other = widening(psnr, fraction=0.2, warm_fraction=0.5, rounds=4)
    other.restore(sampler.state())
    assert (other.probabilities() > 0).all()
    assert np.argsort(-other.priority()).tolist() == list(range(400))


def test_the_hardest_patches_are_those_that_the_model_does_worst():
    """Of 1000 patches that are equal for bicubic, the model learns the even ones well; then the odd ones are drawn."""
    sampler = hardest(PSNR + TINY, fraction=0.5, warm_fraction=1.0, rounds=20)
    for _ in range(10):
        ids = sampler.draw(300)
        sampler.update(ids, np.where(ids % 2 == 0, 2.0, 0.0))
    assert (sampler.draw(300) % 2 == 1).mean() > 0.95


def test_gains_are_compared_within_their_round_only():
    sampler = hardest(PSNR[:4], fraction=1.0, warm_fraction=0.0, rounds=9)
    sampler.update(np.array([0, 1]), np.array([1.0, 3.0]))
    sampler.update(np.array([2, 3]), np.array([11.0, 13.0]))
    np.testing.assert_allclose(sampler.priority(), [-29, -31, -29, -31])


def test_headroom_is_where_the_model_removes_most_error():
    """Of 1000 patches that are equal for bicubic and back-projection, the model improves the even ones alone; then these are drawn."""
    sampler = headroom(PSNR, np.full(1000, 20, np.float32) + TINY, fraction=0.5, warm_fraction=1.0, rounds=20)
    for _ in range(10):
        ids = sampler.draw(300)
        sampler.update(ids, np.where(ids % 2 == 0, 4.0, 0.1))
    assert (sampler.draw(300) % 2 == 0).mean() > 0.95


def test_removed_error_is_scaled_to_what_was_expected_of_the_round():
    sampler = headroom(PSNR, np.full(1000, 20, np.float32), fraction=1.0, warm_fraction=0.0, rounds=9)
    sampler.update(np.array([0, 1]), np.array([3.0, 6.0]))
    removed = ERROR * (1 - 10 ** -np.array([0.3, 0.6]))
    np.testing.assert_allclose(sampler.priority()[:3], [*(removed * 40 / removed.sum()), 20], rtol=1e-5)


def test_a_model_that_removes_less_than_expected_counts_in_that_ratio():
    sampler = headroom(PSNR, np.full(1000, 20, np.float32), fraction=1.0, warm_fraction=0.0, rounds=9)
    sampler.update(np.array([0, 1]), np.array([0.0, 0.5]))
    removed = ERROR * (1 - 10**-0.05)
    np.testing.assert_allclose(sampler.priority()[:2], [20 * (1 - removed / 40), 20 * (1 - removed / 40) + removed], rtol=1e-5)
    sampler.update(np.array([2, 3]), np.array([-0.5, -1.0]))  # the model still does harm: the expected order, less that harm
    harm = ERROR * (10 ** np.array([0.05, 0.1]) - 1)
    np.testing.assert_allclose(sampler.priority()[2:4], 20 - harm, rtol=1e-5)


def test_where_back_projection_does_harm_headroom_starts_from_the_error_itself():
    psnr = np.linspace(20, 40, 1000, dtype=np.float32)
    sampler = headroom(psnr, np.full(1000, -20, np.float32) - psnr, fraction=0.25, warm_fraction=1.0, rounds=20)
    assert sampler.draw(200).max() < 250
    for _ in range(11):
        ids = sampler.draw(200)
        sampler.update(ids, np.where(ids % 2 == 0, 4.0, 0.1))
    assert (sampler.draw(200) % 2 == 0).mean() > 0.8


@pytest.mark.parametrize("create", [hardest, lambda psnr, **options: headroom(psnr, psnr.copy(), **options)])
def test_learning_leaves_the_shared_statistics_as_they_are(create):
    psnr = PSNR + TINY
    sampler = create(psnr, fraction=0.5, warm_fraction=0.5, rounds=5)
    sampler.update(np.array([0, 1]), np.array([1.0, 9.0]))
    np.testing.assert_array_equal(psnr, PSNR + TINY)
