"""Augmentations that mix pairs, or a pair's LR and HR patch."""

import numpy as np

from visionfw.data.augmentation import mixing

SIDE = 10


def numbered(count):
    """Return pairs whose pixels are all the pair's number."""
    numbers = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(numbers, (count, SIDE, SIDE, 3)).copy(), np.broadcast_to(numbers, (count, 2 * SIDE, 2 * SIDE, 3)).copy()


def test_cutblur_pastes_a_rectangle_or_all_around_one_into_half_of_the_lr_patches():
    lr, hr = np.zeros((400, SIDE, SIDE, 3), np.uint8), np.full((400, 2 * SIDE, 2 * SIDE, 3), 255, np.uint8)
    new_lr, new_hr = mixing.cutblur(lr, hr, random=np.random.default_rng(0))
    np.testing.assert_array_equal(new_hr, hr)
    is_pasted = new_lr[..., 0] == 255
    np.testing.assert_array_equal(new_lr, np.repeat(np.where(is_pasted, 255, 0)[..., None], 3, axis=3))
    changed = is_pasted[is_pasted.any(axis=(1, 2))]
    assert 0.4 < len(changed) / 400 < 0.6
    inside, around = (sum(is_rectangle(mask) for mask in masks) for masks in (changed, ~changed))
    assert inside + around == len(changed)
    assert 0.35 < inside / len(changed) < 0.65


def is_rectangle(mask):
    """Tell whether the set pixels are one rectangle that leaves some pixels out at least on one side."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return bool(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()) and len(rows) <= 0.8 * SIDE and len(columns) <= 0.8 * SIDE


def test_cutmix_takes_the_same_rectangle_of_lr_and_hr_from_another_pair():
    lr, hr = mixing.cutmix(*numbered(60), random=np.random.default_rng(0))
    np.testing.assert_array_equal(hr[:, ::2, ::2], lr)
    np.testing.assert_array_equal(hr[:, 1::2, 1::2], lr)
    is_foreign = lr[..., 0] != np.arange(60)[:, None, None]
    for mask, patch in zip(is_foreign, lr[..., 0], strict=True):
        if mask.any():
            assert is_rectangle(mask)
            assert len(np.unique(patch[mask])) == 1
    assert 0.3 < is_foreign.any(axis=(1, 2)).mean() < 0.7


def test_mixup_blends_lr_and_hr_in_one_ratio():
    lr, hr = numbered(200)
    new_lr, new_hr = mixing.mixup(lr, hr, random=np.random.default_rng(0))
    np.testing.assert_array_equal(new_hr[:, ::2, ::2], new_lr)
    assert 0.3 < (new_lr != lr).any(axis=(1, 2, 3)).mean() < 0.7
