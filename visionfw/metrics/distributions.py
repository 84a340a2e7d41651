"""Distances between two sets of images, from features of a network: what generative models are compared by."""

from __future__ import annotations

import numpy as np
from scipy.linalg import sqrtm

from visionfw.errors import RequestError


def _of_two(a: np.ndarray, b: np.ndarray, least: int, name: str) -> None:
    if min(len(a), len(b)) < least:
        raise RequestError(f"--metrics={name} needs at least {least} images in a set, and {min(len(a), len(b))} are there")


def fid(real: np.ndarray, made: np.ndarray) -> float:
    """Return the Frechet distance of two sets of features, (images, features); 0 for equal sets, biased upwards below some 10,000 images.

    Reference: Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017.
    """
    _of_two(real, made, 2, "fid")
    difference = real.mean(axis=0) - made.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(values, rowvar=False)) for values in (real.astype(np.float64), made.astype(np.float64))]
    root = sqrtm(covariances[0] @ covariances[1])
    return float(difference @ difference + np.trace(covariances[0] + covariances[1] - 2 * np.real(root)))


def kid(real: np.ndarray, made: np.ndarray) -> float:
    """Return the squared kernel distance of two sets of features, unbiased: 0 on average for equal distributions, and below it by chance.

    Reference: Binkowski et al., Demystifying MMD GANs, ICLR 2018.
    """
    _of_two(real, made, 2, "kid")
    depth = real.shape[1]

    def kernel(a, b):
        return (a.astype(np.float64) @ b.astype(np.float64).T / depth + 1) ** 3

    of_real, of_made, between = kernel(real, real), kernel(made, made), kernel(real, made)
    m, n = len(real), len(made)
    return float((of_real.sum() - np.trace(of_real)) / (m * (m - 1)) + (of_made.sum() - np.trace(of_made)) / (n * (n - 1)) - 2 * between.mean())


def inception_score(classes: np.ndarray) -> float:
    """Return the inception score of class probabilities, (images, classes): 1 to the number of classes.

    Reference: Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016.
    """
    mean = classes.mean(axis=0, keepdims=True)
    divergence = (classes * (np.log(classes + 1e-16) - np.log(mean + 1e-16))).sum(axis=1)
    return float(np.exp(divergence.mean()))


def precision_recall(real: np.ndarray, made: np.ndarray, neighbors: int = 3) -> tuple[float, float]:
    """Return which share of made images lies among the real ones, and which share of real images among the made ones, 0 to 1.

    An image lies among others where it is nearer to one of them than that one's third neighbor.

    Reference: Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing Generative Models, NeurIPS 2019.
    """
    _of_two(real, made, neighbors + 1, "precision")

    def distances(a, b):
        return np.sqrt(np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0))

    def share_inside(points, others):
        reach = np.sort(distances(others, others), axis=1)[:, neighbors]
        return float((distances(points, others) <= reach).any(axis=1).mean())

    real, made = real.astype(np.float64), made.astype(np.float64)
    return share_inside(made, real), share_inside(real, made)
