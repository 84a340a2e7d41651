"""Intervals and tests equal SciPy's in the cases that SciPy knows, hold what they claim in simulations, and find what is there."""

import numpy as np
import pytest
from scipy import stats

from visionfw.ranking.statistics import compare, compare_all, rank_agreement, ranks


def gains(mean, seeds=3, images=40, *, seed=0, noise=0.02, interaction=0.0):
    """Return (seeds, images) gains in dB.

    Images differ by 1 dB, alike for every name. A name has its own strengths and weaknesses of `interaction` dB over images, the same in
    each of its runs. Every run adds `noise` to all of its images, and again to each of them.
    """
    random = np.random.default_rng(seed)
    images_alike = np.random.default_rng(99).normal(2, 1, images)
    own = random.normal(0, interaction, images)
    return images_alike + mean + own + random.normal(0, noise, (seeds, 1)) + random.normal(0, noise, (seeds, images))


def test_without_variation_over_images_the_interval_is_welchs():
    a, b = np.array([2.0, 2.1, 2.4]), np.array([1.7, 1.9, 1.85])
    images = np.array([0.0, 1.0, 5.0])  # alike for both names
    found = compare("A", "B", [a[:, None] + images], [b[:, None] + images])
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert found.gain == pytest.approx(a.mean() - b.mean())
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))


def test_without_variation_over_seeds_the_interval_is_the_paired_one_over_images():
    a, b = np.random.default_rng(0).normal(0, 1, (2, 9))
    found = compare("A", "B", [np.stack([a, a, a])], [np.stack([b, b, b])])
    paired = stats.ttest_1samp(a - b if a.mean() > b.mean() else b - a, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high))


def test_test_sets_have_equal_weights_whatever_their_number_of_images():
    small, large = np.array([1.0, 3.0]), np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    found = compare("A", "B", [small[None], large[None]], [0 * small[None], 0 * large[None]])
    assert found.gain == pytest.approx((2.0 + 1.0) / 2)
    variances = [values.var(ddof=1) / len(values) / 4 for values in (small, large)]
    freedom = sum(variances) ** 2 / (variances[0] ** 2 / 1 + variances[1] ** 2 / 4)
    assert found.high - found.gain == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(sum(variances)))
    assert found.p_value is None


def test_the_signed_rank_test_is_over_images_each_the_mean_of_its_seeds():
    a, b = gains(0.05, seed=1, noise=0.15), gains(0.0, seed=2, noise=0.15)
    expected = stats.wilcoxon(a.mean(axis=0) - b.mean(axis=0)).pvalue
    by_seed = [stats.wilcoxon(x - y).pvalue for x, y in zip(a, b, strict=True)]
    assert compare("A", "B", [a], [b]).p_value == pytest.approx(expected)
    assert all(p != pytest.approx(expected, rel=0.1) for p in by_seed)  # else this would not distinguish the two


def test_equal_names_are_no_difference():
    same = gains(0.0)
    found = compare("A", "B", [same], [same])
    assert (found.gain, found.p_value, found.is_significant) == (0.0, 1.0, False)


def test_a_difference_far_above_the_seeds_is_significant_though_images_differ_more():
    found = compare("A", "B", [gains(0.0, seed=1)], [gains(0.3, seed=2)])
    assert (found.better, found.worse) == ("B", "A")
    assert found.gain == pytest.approx(0.3, abs=0.05)
    assert 0.1 < found.low < found.gain < found.high < 0.5
    assert found.is_significant
    assert found.sentence().startswith("B > A (+0.")


def test_strengths_on_a_few_images_alone_are_not_significant_however_alike_the_seeds_are():
    a, b = (gains(mean, images=10, seed=seed, noise=1e-3, interaction=0.5) for mean, seed in ((0.1, 3), (0.0, 4)))
    assert stats.ttest_ind(a.mean(axis=1), b.mean(axis=1), equal_var=False).pvalue < 1e-3  # by the seeds alone they differ
    assert not compare("A", "B", [a], [b]).is_significant


def test_seeds_that_differ_as_much_as_names_decide_nothing():
    found = compare("A", "B", [gains(0.0, seed=3, noise=0.1)], [gains(0.02, seed=4, noise=0.1)])
    assert not found.is_significant
    assert "not distinguishable at this budget" in found.sentence()


def test_few_images_have_no_test():
    found = compare("A", "B", [gains(0.0, images=5)], [gains(0.5, images=5, seed=9)])
    assert found.p_value is None
    assert "p =" not in found.sentence()


def test_one_seed_decides_nothing():
    found = compare("A", "B", [gains(0.0, 1)], [gains(0.5, 1, seed=9)])
    assert not found.is_significant
    assert "not distinguishable by one seed" in found.sentence()


PAIRS = 400


def compared(mean, seeds, interaction):
    """Compare PAIRS pairs of names with a true difference, each with runs, strengths and weaknesses of its own."""
    return [
        compare("A", "B", [gains(mean, seeds, seed=2 * n, noise=0.03, interaction=interaction)], [gains(0, seeds, seed=2 * n + 1, noise=0.03)])
        for n in range(PAIRS)
    ]


@pytest.mark.parametrize("interaction", [0.0, 0.3])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_equal_names_are_called_different_in_at_most_one_case_of_twenty(seeds, interaction):
    """The count stays below what a rate of 5% exceeds once in a thousand repetitions."""
    false_positives = sum(found.is_significant for found in compared(0.0, seeds, interaction))
    assert false_positives <= stats.binom.ppf(0.999, PAIRS, 0.05)


@pytest.mark.parametrize("interaction", [0.0, 0.3])
def test_the_interval_covers_the_true_difference_in_at_least_nineteen_cases_of_twenty(interaction):
    """The count stays above what a rate of 95% falls short of once in a thousand repetitions."""
    covered = sum(
        (found.low if found.better == "A" else -found.high) < 0.2 < (found.high if found.better == "A" else -found.low)
        for found in compared(0.2, 3, interaction)
    )
    assert covered >= stats.binom.ppf(0.001, PAIRS, 0.95)


def test_a_difference_of_several_times_the_seeds_noise_is_nearly_always_found():
    assert sum(found.is_significant for found in compared(0.2, 3, 0.0)) >= 0.9 * PAIRS


def test_every_two_are_compared_best_first():
    found = compare_all(["x", "y", "z"], [[gains(0.0)], [gains(0.6, seed=1)], [gains(0.3, seed=2)]])
    assert [(one.better, one.worse) for one in found] == [("y", "z"), ("y", "x"), ("z", "x")]


def test_ranks_share_places_and_agreement_is_kendalls_tau():
    np.testing.assert_array_equal(ranks(np.array([1.0, 3.0, 3.0, 0.0])), [3, 1.5, 1.5, 4])
    assert rank_agreement(np.array([[1, 2, 3], [1, 2, 3]])) == pytest.approx(1)
    assert rank_agreement(np.array([[1, 2, 3], [3, 2, 1]])) == pytest.approx(-1)
    assert rank_agreement(np.array([[1, 2, 3]])) == 1
