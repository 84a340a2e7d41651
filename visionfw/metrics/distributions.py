"""Distances between two sets of images, given as features of a network: the metrics of generative models."""

from __future__ import annotations

import numpy as np

from visionfw.errors import RequestError


def fid(hr_features: np.ndarray, sr_features: np.ndarray) -> float:
    """Return the Frechet distance between two Gaussians fitted to two sets of features.

    The trace of the square root of the product of both covariances is the nuclear norm of A B^T, where A and B are the centered
    features over the square root of (images - 1). That is exact, and takes milliseconds for sets of few images.

    Args:
        hr_features, sr_features: (images, features).

    Returns:
        At least 0, and 0 for equal sets; biased upwards below some 10,000 images.

    Raises:
        RequestError: a set has fewer than 2 images.

    Reference: Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, NeurIPS 2017.
    """
    _require_images("fid", 2, hr_features, sr_features)
    difference = hr_features.mean(axis=0, dtype=np.float64) - sr_features.mean(axis=0, dtype=np.float64)
    a, b = _covariance_factor(hr_features), _covariance_factor(sr_features)
    nuclear_norm = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return max(0.0, float(difference @ difference + np.square(a).sum() + np.square(b).sum() - 2 * nuclear_norm))


def _covariance_factor(features: np.ndarray) -> np.ndarray:
    """Return a matrix F with F^T F = the sample covariance, float64, with as few rows as possible."""
    centered = (features - features.mean(axis=0, dtype=np.float64)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centered, mode="r")) if len(centered) > centered.shape[1] else centered


def kid(hr_features: np.ndarray, sr_features: np.ndarray) -> float:
    """Return the squared kernel distance (MMD with a cubic kernel) between two sets of features.

    Args:
        hr_features, sr_features: (images, features).

    Returns:
        The unbiased estimate: 0 on average for equal distributions, so it can be below 0.

    Raises:
        RequestError: a set has fewer than 2 images.

    Reference: Binkowski et al., Demystifying MMD GANs, ICLR 2018.
    """
    _require_images("kid", 2, hr_features, sr_features)
    x, y = hr_features.astype(np.float64), sr_features.astype(np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / x.shape[1] + 1) ** 3

    return float(_mean_off_diagonal(kernel(x, x)) + _mean_off_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean())


def _mean_off_diagonal(matrix: np.ndarray) -> float:
    size = len(matrix)
    return (matrix.sum() - np.trace(matrix)) / (size * (size - 1))


def inception_score(sr_classes: np.ndarray) -> float:
    """Return the inception score, 1 to the number of classes, of class probabilities, (images, classes).

    Reference: Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016.
    """
    mean = sr_classes.mean(axis=0, keepdims=True)
    divergence = (sr_classes * (np.log(sr_classes + 1e-16) - np.log(mean + 1e-16))).sum(axis=1)
    return float(np.exp(divergence.mean()))


def precision(hr_features: np.ndarray, sr_features: np.ndarray, neighbors: int = 3) -> float:
    """Return the fraction of the model's images that lie among the references, 0 to 1.

    An image lies among others if it is nearer to one of them than that one's third-nearest neighbor.

    Args:
        hr_features, sr_features: (images, features).
        neighbors: which neighbor sets the radius.

    Raises:
        RequestError: a set has too few images to have such neighbors.

    Reference: Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models, NeurIPS 2019.
    """
    _require_images("precision", neighbors + 1, hr_features, sr_features)
    return _fraction_inside(sr_features.astype(np.float64), hr_features.astype(np.float64), neighbors)


def recall(hr_features: np.ndarray, sr_features: np.ndarray, neighbors: int = 3) -> float:
    """Return the fraction of the references that lie among the model's images, 0 to 1. Arguments and errors as `precision`."""
    _require_images("recall", neighbors + 1, hr_features, sr_features)
    return _fraction_inside(hr_features.astype(np.float64), sr_features.astype(np.float64), neighbors)


def _fraction_inside(points: np.ndarray, others: np.ndarray, neighbors: int) -> float:
    radius = np.sort(_distances(others, others), axis=1)[:, neighbors]
    return float((_distances(points, others) <= radius).any(axis=1).mean())


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0))


def _require_images(metric: str, count: int, *features: np.ndarray) -> None:
    fewest = min(map(len, features))
    if fewest < count:
        raise RequestError(f"--metrics={metric} needs at least {count} images in a set, but there are {fewest}")
