"""Distances between sets of features by their formulas."""

import numpy as np
import pytest

from visionfw.errors import RequestError
from visionfw.metrics.distributions import fid, inception_score, kid, precision_recall


def test_the_frechet_distance_of_two_gaussians():
    """|m1 - m2|^2 + |s1 - s2|^2 for independent features."""
    random = np.random.default_rng(0)
    unit = random.normal(size=(400_000, 2))
    a, b = unit * [1.0, 2.0], unit[::-1] * [3.0, 0.5] + [1.0, -2.0]
    assert fid(a, b) == pytest.approx(1 + 4 + 4 + 2.25, rel=0.02)
    assert fid(a, a) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_its_sums():
    random = np.random.default_rng(1)
    a, b = random.normal(size=(7, 5)), random.normal(1, 1, size=(6, 5))

    def k(x, y):
        return (x @ y / 5 + 1) ** 3

    within = [np.mean([k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]) for x in (a, b)]
    between = np.mean([k(x, y) for x in a for y in b])
    assert kid(a, b) == pytest.approx(within[0] + within[1] - 2 * between)


def test_the_inception_score_counts_classes():
    assert inception_score(np.eye(4)) == pytest.approx(4)
    assert inception_score(np.full((5, 4), 0.25)) == pytest.approx(1)


def test_precision_and_recall_are_shares_of_images_among_the_others():
    random = np.random.default_rng(2)
    real = random.normal(size=(60, 3))
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)
    narrow = np.tile(real[:1], (40, 1)) + random.normal(0, 1e-3, (40, 3))
    precision, recall = precision_recall(real, narrow)
    assert precision == 1
    assert recall < 0.2


@pytest.mark.parametrize("measure", [fid, kid, precision_recall])
def test_too_few_images_are_told(measure):
    with pytest.raises(RequestError, match=r"needs at least \d images in a set, and 1 are there"):
        measure(np.zeros((1, 3)), np.zeros((9, 3)))
