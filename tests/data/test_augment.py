"""Augmentation keeps LR and HR together, and does what its name says."""

import numpy as np
import pytest

from visionfw.data.augment import AUGMENTATIONS, augmentation, dihedral
from visionfw.data.patches import open_patches
from visionfw.errors import RequestError


@pytest.fixture(scope="module")
def pairs():
    source = open_patches("embedded/test", scale=2, patch_size=16)
    return source.read(np.arange(0, len(source), len(source) // 40))


def apply(name, pairs, seed=0):
    return augmentation(name).apply(*pairs, np.random.default_rng(seed))


def test_all_eight_turns_are_different_and_zero_changes_nothing():
    patch = np.arange(12).reshape(1, 2, 2, 3).repeat(8, axis=0)
    turned = dihedral(patch, np.arange(8))
    assert len({one.tobytes() for one in turned}) == 8
    np.testing.assert_array_equal(turned[0], patch[0])
    np.testing.assert_array_equal(turned[1], patch[0][:, ::-1])
    np.testing.assert_array_equal(turned[2], patch[0][::-1])
    np.testing.assert_array_equal(turned[4], patch[0].swapaxes(0, 1))


def test_lr_and_hr_turn_alike_in_any_order():
    random = np.random.default_rng(0)
    lr = random.integers(0, 256, (20, 5, 5, 3), np.uint8)
    hr = lr.repeat(3, axis=1).repeat(3, axis=2)
    which = random.integers(8, size=20)
    np.testing.assert_array_equal(dihedral(hr, which)[:, ::3, ::3], dihedral(lr, which))


def test_reading_turns_as_dihedral_does():
    source = open_patches("embedded/test", scale=2, patch_size=9)
    ids, which = np.arange(0, 320, 10), np.arange(32) % 8
    for turned, straight in zip(source.read(ids, which), source.read(ids), strict=True):
        np.testing.assert_array_equal(turned, dihedral(straight, which))


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"dihedral"}))
def test_every_augmentation_keeps_the_contract(pairs, name):
    """uint8 of the same shape; something changes; nothing is written into what was given; equal seeds, equal results; HR still shrinks to LR."""
    before = [patches.copy() for patches in pairs]
    made = apply(name, pairs)
    for new, old, given in zip(made, before, pairs, strict=True):
        assert (new.shape, new.dtype) == (old.shape, np.uint8)
        np.testing.assert_array_equal(given, old)
    assert any((new != old).any() for new, old in zip(made, before, strict=True))
    np.testing.assert_array_equal(made[1], apply(name, pairs)[1])
    lr, hr = (patches.astype(float) for patches in made)
    shrunk = hr.reshape(len(hr), 16, 2, 16, 2, 3).mean(axis=(2, 4))
    unaligned = np.abs(np.roll(shrunk, 3, axis=1) - lr).mean()
    assert np.abs(shrunk - lr).mean() < 0.5 * unaligned


def test_permuting_channels_does_it_alike(pairs):
    for lr, hr, new_lr, new_hr in zip(*pairs, *apply("permute_channels", pairs), strict=True):
        order = [next(c for c in range(3) if (new_lr[..., n] == lr[..., c]).all()) for n in range(3)]
        np.testing.assert_array_equal(new_hr, hr[..., order])


def test_cutblur_changes_lr_patches_alone(pairs):
    lr, hr = apply("cutblur", pairs)
    np.testing.assert_array_equal(hr, pairs[1])
    changed = (lr != pairs[0]).any(axis=(1, 2, 3)).mean()
    assert 0.3 < changed < 0.7


def test_cutmix_takes_whole_rectangles_from_another_pair(pairs):
    lr, hr = apply("cutmix", pairs)
    for new, old, new_hr, old_hr in zip(lr, pairs[0], hr, pairs[1], strict=True):
        same = (new == old).all(axis=-1)
        same_hr = (new_hr == old_hr).all(axis=-1)
        assert same_hr[same.repeat(2, axis=0).repeat(2, axis=1)].mean() > 0.97  # what was kept in LR was kept in HR


@pytest.mark.parametrize(
    ("names", "sentence"),
    [("dihedrall", "no augmentation 'dihedrall'; did you mean 'dihedral'"), ("mixup,mixup", "mixup is given twice")],
)
def test_wrong_names_are_told(names, sentence):
    with pytest.raises(RequestError, match=sentence):
        augmentation(names)
