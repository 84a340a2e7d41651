"""Augmentations of pixel values."""

import numpy as np

from visionfw.data.augmentation import colors


def test_channels_of_lr_and_hr_are_permuted_alike():
    random = np.random.default_rng(0)
    lr, hr = random.integers(0, 256, (12, 4, 4, 3), np.uint8), random.integers(0, 256, (12, 8, 8, 3), np.uint8)
    orders = set()
    for old_lr, old_hr, new_lr, new_hr in zip(lr, hr, *colors.permute_channels(lr, hr, random=random), strict=True):
        order = [next(channel for channel in range(3) if (new_lr[..., place] == old_lr[..., channel]).all()) for place in range(3)]
        np.testing.assert_array_equal(new_hr, old_hr[..., order])
        orders.add(tuple(order))
    assert len(orders) > 1


def test_sharpness_leaves_flat_patches_and_half_of_the_others():
    random = np.random.default_rng(1)
    flat = np.full((4, 6, 6, 3), 90, np.uint8)
    np.testing.assert_array_equal(colors.sharpness(flat, flat, random=random)[0], flat)
    lr, hr = random.integers(0, 256, (400, 4, 4, 3), np.uint8), random.integers(0, 256, (400, 8, 8, 3), np.uint8)
    is_changed = [(new != old).any(axis=(1, 2, 3)) for new, old in zip(colors.sharpness(lr, hr, random=random), (lr, hr), strict=True)]
    assert 0.4 < is_changed[1].mean() < 0.6
    assert (is_changed[0] == is_changed[1]).mean() > 0.9


def test_color_jitter_keeps_gray_gray():
    random = np.random.default_rng(2)
    gray = random.integers(0, 256, (9, 4, 4, 1), np.uint8).repeat(3, axis=3)
    lr, _ = colors.color_jitter(gray, gray.repeat(2, axis=1).repeat(2, axis=2), random=random)
    assert (lr == lr[..., :1]).all()
    assert (lr != gray).any()
