"""The eight flips and rotations of the square."""

import numpy as np

from visionfw.data.augmentation.flips import flip_and_rotate_each
from visionfw.data.patches import open_patches


def test_all_eight_are_different_and_zero_changes_nothing():
    patch = np.arange(12).reshape(1, 2, 2, 3).repeat(8, axis=0)
    transformed = flip_and_rotate_each(patch, np.arange(8))
    assert len({one.tobytes() for one in transformed}) == 8
    np.testing.assert_array_equal(transformed[0], patch[0])
    np.testing.assert_array_equal(transformed[1], patch[0][:, ::-1])
    np.testing.assert_array_equal(transformed[2], patch[0][::-1])
    np.testing.assert_array_equal(transformed[4], patch[0].swapaxes(0, 1))


def test_lr_and_hr_are_transformed_alike_in_any_order():
    random = np.random.default_rng(0)
    lr = random.integers(0, 256, (20, 5, 5, 3), np.uint8)
    hr = lr.repeat(3, axis=1).repeat(3, axis=2)
    transforms = random.integers(8, size=20)
    np.testing.assert_array_equal(flip_and_rotate_each(hr, transforms)[:, ::3, ::3], flip_and_rotate_each(lr, transforms))


def test_a_source_transforms_while_it_reads():
    source = open_patches("embedded/test", scale=2, patch_size=9)
    ids, transforms = np.arange(0, 320, 10), np.arange(32) % 8
    for transformed, upright in zip(source.read(ids, transforms), source.read(ids), strict=True):
        np.testing.assert_array_equal(transformed, flip_and_rotate_each(upright, transforms))
