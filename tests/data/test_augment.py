"""The eight symmetries of the square."""

import numpy as np

from visionfw.data.augment import dihedral


def test_all_eight_are_different_and_zero_changes_nothing():
    patch = np.arange(12).reshape(1, 2, 2, 3).repeat(8, axis=0)
    turned = dihedral(patch, np.arange(8))
    assert len({one.tobytes() for one in turned}) == 8
    np.testing.assert_array_equal(turned[0], patch[0])


def test_lr_and_hr_turn_alike():
    random = np.random.default_rng(0)
    lr = random.integers(0, 256, (8, 5, 5, 3), np.uint8)
    hr = lr.repeat(3, axis=1).repeat(3, axis=2)
    np.testing.assert_array_equal(dihedral(hr, np.arange(8))[:, ::3, ::3], dihedral(lr, np.arange(8)))
