"""Augmentations keep LR and HR aligned, are named as users write them, and can be added from outside."""

import numpy as np
import pytest

import visionfw as vf
from visionfw.data.augmentation import AUGMENTATIONS, Augmentation, parse_augmentation
from visionfw.data.patches import open_patches
from visionfw.errors import RequestError
from visionfw.registry import Spec


@pytest.fixture(autouse=True)
def restored_augmentations(restored):
    restored(AUGMENTATIONS)


@pytest.fixture(scope="module")
def pairs():
    source = open_patches("embedded/test", scale=2, patch_size=16)
    return source.read(np.arange(0, len(source), len(source) // 40))


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"dihedral"}))
def test_every_augmentation_keeps_the_contract(pairs, name):
    """New uint8 arrays of the same shape; something changes; equal seeds give equal results; HR still shrinks to LR."""
    before = [patches.copy() for patches in pairs]
    augmented = parse_augmentation(name).apply(*pairs, np.random.default_rng(0))
    for new, old, original in zip(augmented, before, pairs, strict=True):
        assert (new.shape, new.dtype) == (old.shape, np.uint8)
        np.testing.assert_array_equal(original, old)
    assert any((new != old).any() for new, old in zip(augmented, before, strict=True))
    np.testing.assert_array_equal(augmented[1], parse_augmentation(name).apply(*pairs, np.random.default_rng(0))[1])
    lr, hr = (patches.astype(float) for patches in augmented)
    shrunk = hr.reshape(len(hr), 16, 2, 16, 2, 3).mean(axis=(2, 4))
    unaligned = np.abs(np.roll(shrunk, 3, axis=1) - lr).mean()
    assert np.abs(shrunk - lr).mean() < 0.5 * unaligned


@pytest.mark.parametrize("text", ["dihedral", "none", "dihedral,cutmix,color_jitter"])
def test_the_canonical_text_gives_the_augmentation_back(text):
    assert str(parse_augmentation(text)) == text
    assert parse_augmentation(str(parse_augmentation(text))) == parse_augmentation(text)


def test_the_default_flips_and_rotates_alone():
    assert Augmentation() == parse_augmentation(" dihedral ")
    assert (Augmentation().flips_and_rotates, Augmentation().changes_pixels) == (True, False)
    mixed = parse_augmentation("cutmix")
    assert (mixed.flips_and_rotates, mixed.changes_pixels) == (False, True)


def test_transforms_are_drawn_for_flips_and_rotations_alone():
    random = np.random.default_rng(0)
    assert set(parse_augmentation("dihedral").draw_transforms(200, random).tolist()) == set(range(8))
    assert not parse_augmentation("none").draw_transforms(200, random).any()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dihedrall", "no augmentation 'dihedrall'; did you mean 'dihedral'?"),
        ("mixup,mixup", "mixup is given twice"),
        ("mixup,none", "none stands alone"),
        ("mixup:share=1", "mixup takes no options, but 'share=1' is given"),
        ("mixip,dihedra", "no augmentation 'mixip'; did you mean 'mixup'?\n--augment: no augmentation 'dihedra'; did you mean 'dihedral'?"),
    ],
)
def test_a_wrong_text_is_refused_with_every_problem(text, sentence):
    with pytest.raises(RequestError) as caught:
        parse_augmentation(text)
    assert str(caught.value) == f"--augment: {sentence}"


def test_an_augmentation_from_outside_is_one_function(pairs):
    @vf.register_augmentation
    def invert_some(lr, hr, *, random, share=0.5, soft=False):
        """Invert the colors of some pairs."""
        assert soft
        chosen = (random.random(len(lr)) < share)[:, None, None, None]
        return np.where(chosen, 255 - lr, lr), np.where(chosen, 255 - hr, hr)

    augmentation = parse_augmentation("invert_some:share=1,soft=true,dihedral")
    assert augmentation.steps == (Spec("invert_some", {"share": 1.0, "soft": True}), Spec("dihedral"))
    for new, old in zip(augmentation.apply(*pairs, np.random.default_rng(0)), pairs, strict=True):
        np.testing.assert_array_equal(new, 255 - old)
    assert AUGMENTATIONS.summaries()["invert_some"] == "Invert the colors of some pairs. (share=0.5, soft=false)"


def test_an_augmentation_that_returns_other_shapes_is_reported(pairs):
    vf.register_augmentation(lambda lr, hr: (lr, lr), name="forgets_hr")
    with pytest.raises(RequestError, match="augmentation forgets_hr: must return LR and HR patches, uint8 arrays of shapes"):
        parse_augmentation("forgets_hr").apply(*pairs, np.random.default_rng(0))
