"""Fine detail and upsampling artifacts against scikit-image and closed forms."""

import math

import numpy as np
import pytest
from skimage.measure import shannon_entropy

from visionfw.errors import RequestError
from visionfw.metrics.detail import checkerboard, entropy, high_frequencies


def test_entropy_is_scikit_images(photograph):
    assert entropy(photograph[2:-2, 2:-2, 0]) == pytest.approx(shannon_entropy(photograph[2:-2, 2:-2, 0]))
    assert entropy(np.full((20, 20), 7.0)) == 0


def test_detail_where_the_reference_has_none_is_infinite():
    fine = 128 + 10 * np.sin(2 * np.pi * np.arange(64)[:, None] * np.ones(64) * 3 / 8)
    assert high_frequencies(fine, np.full((64, 64), 128.0)) == math.inf
    assert high_frequencies(np.full((64, 64), 128.0), np.full((64, 64), 128.0)) == 1


def test_fine_detail_is_measured_by_its_amplitude():
    rows = np.arange(64)[:, None] * np.ones(64)
    coarse, fine = 40 * np.sin(2 * np.pi * rows / 16), 10 * np.sin(2 * np.pi * rows * 3 / 8)
    assert high_frequencies(128 + coarse + fine, 128 + coarse + fine) == 1
    assert high_frequencies(128 + coarse + 0.5 * fine, 128 + coarse + fine) == pytest.approx(0.25, rel=0.01)
    assert high_frequencies(128 + coarse, 128 + coarse + fine) < 0.001


def test_a_blurred_photograph_has_less_fine_detail(photograph):
    blurred = (photograph.astype(float) + np.roll(photograph, 1, 0) + np.roll(photograph, 1, 1)) / 3
    assert 0 < high_frequencies(blurred[4:-4, 4:-4], photograph[4:-4, 4:-4]) < 0.8


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_grid_of_dots_is_a_checkerboard_and_a_photograph_is_none(photograph, scale):
    assert 1.0 <= checkerboard(photograph, scale) < 1.15
    dotted = photograph.astype(float)
    dotted[::scale, 1::scale] += 20
    assert checkerboard(dotted, scale) > 1.3
    assert checkerboard(dotted, scale) == pytest.approx(checkerboard(np.stack([dotted] * 3, axis=-1), scale))


def test_a_checkerboard_is_its_closed_form():
    """Of 2 x 2 places one is higher by d: its Laplacian is 4 d, that of its two neighbors 2 d, of the last 0, so the median is 2 d."""
    dots = np.zeros((34, 34))
    dots[::2, ::2] = 7.0
    assert checkerboard(dots, 2) == pytest.approx(2.0)
    assert checkerboard(np.full((48, 48), 9.0), 4) == 1.0
    with pytest.raises(RequestError, match="checkerboard: 8 x 11 pixels are too few for a grid of 4 x 4"):
        checkerboard(np.zeros((11, 8)), 4)
