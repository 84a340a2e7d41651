"""Distances between sets of features, by their formulas."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from visionfw.errors import RequestError
from visionfw.metrics.distributions import fid, inception_score, kid, precision, recall


def sets(count, other_count, features, seed=0):
    """Return two sets of correlated features."""
    random = np.random.default_rng(seed)
    a = random.normal(size=(count, features)) @ random.normal(size=(features, features))
    return a.astype(np.float32), random.normal(0.3, 1.2, size=(other_count, features)).astype(np.float32)


def test_the_frechet_distance_of_two_known_gaussians():
    """|m1 - m2|^2 + |s1 - s2|^2 for independent features of deviations s."""
    unit = np.random.default_rng(0).normal(size=(400_000, 2))
    a, b = unit * [1.0, 2.0], unit[::-1] * [3.0, 0.5] + [1.0, -2.0]
    assert fid(a, b) == pytest.approx(1 + 4 + 4 + 2.25, rel=0.02)


@pytest.mark.parametrize(("count", "other_count", "features"), [(40, 50, 6), (5, 7, 6), (5, 50, 20), (50, 5, 20)])
def test_the_frechet_distance_is_that_of_the_covariances(count, other_count, features):
    """With fewer images than features the covariances are singular, and their product's square root is inexact: to six digits."""
    a, b = sets(count, other_count, features)
    difference = a.mean(axis=0, dtype=np.float64) - b.mean(axis=0, dtype=np.float64)
    first, second = (np.cov(values.astype(np.float64), rowvar=False) for values in (a, b))
    ridge = 1e-10 * np.eye(features)
    expected = difference @ difference + np.trace(first + second - 2 * np.real(sqrtm((first + ridge) @ (second + ridge))))
    assert fid(a, b) == pytest.approx(expected, rel=1e-4)


def test_the_frechet_distance_of_two_images_each_is_exact():
    """With two images, each covariance has rank one: u u^T and v v^T, and the trace of the root of their product is |u . v|."""
    a, b = sets(2, 2, 2048)
    (u, v), (m1, m2) = ([np.diff(x.astype(np.float64), axis=0)[0] / np.sqrt(2) for x in (a, b)], [x.mean(axis=0, dtype=np.float64) for x in (a, b)])
    expected = (m1 - m2) @ (m1 - m2) + u @ u + v @ v - 2 * abs(u @ v)
    assert fid(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [4, 60])
def test_the_frechet_distance_of_equal_sets_is_zero_and_never_below(count):
    features = sets(count, 2, 32)[0]
    assert 0 <= fid(features, features) < 1e-9
    assert 0 <= fid(features, features[::-1]) < 1e-9


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


def test_precision_and_recall_are_fractions_of_images_among_the_others():
    random = np.random.default_rng(2)
    hr = random.normal(size=(60, 3))
    assert (precision(hr, hr), recall(hr, hr)) == (1, 1)
    assert (precision(hr, hr + 100), recall(hr, hr + 100)) == (0, 0)
    narrow = np.tile(hr[:1], (40, 1)) + random.normal(0, 1e-3, (40, 3))
    assert precision(hr, narrow) == 1
    assert recall(hr, narrow) < 0.2


@pytest.mark.parametrize("metric", [fid, kid, precision, recall])
def test_too_few_images_are_refused(metric):
    with pytest.raises(RequestError, match=rf"--metrics={metric.__name__} needs at least \d images in a set, but there are 1"):
        metric(np.zeros((1, 3)), np.zeros((9, 3)))
