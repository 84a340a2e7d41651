"""The way to the device is reproducible, can be entered at any batch, and keeps LR and HR together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.data.augmentation import parse_augmentation
from visionfw.data.patches import open_patches
from visionfw.data.pipeline import BatchSource, as_dataset
from visionfw.samplers import Uniform


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return open_patches("embedded/test", scale=2, patch_size=12)


@pytest.fixture
def feed(source):
    def make(seed=3, augment="dihedral", **more):
        return BatchSource(source, Uniform(len(source), seed), 4, 5, parse_augmentation(augment), seed, **more)

    return make


def test_batches_are_bytes(feed):
    lr, hr = next(iter(feed()))
    assert (lr.shape, hr.shape, lr.dtype, hr.dtype) == ((4, 12, 12, 3), (4, 24, 24, 3), np.uint8, np.uint8)


def test_equal_seeds_give_equal_batches(feed):
    for _, first, again in zip(range(12), feed(), feed(), strict=False):
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])


def test_other_seeds_give_other_batches(feed):
    assert (next(iter(feed()))[0] != next(iter(feed(seed=4)))[0]).any()


@given(start=st.integers(0, 23), augment=st.sampled_from(["dihedral", "none", "dihedral,cutmix,color_jitter"]))
@settings(max_examples=20, deadline=None)
def test_a_feed_can_be_entered_at_any_batch(source, start, augment):
    """With a sampler at the start of the batch's round, as a checkpoint keeps it."""

    def feed(sampler, first_round=0):
        return BatchSource(source, sampler, 4, 5, parse_augmentation(augment), 3, first_round)

    whole = feed(Uniform(len(source), 3))
    expected = [whole.batch(number) for number in range(26)][start:]
    sampler = Uniform(len(source), 3)
    for _ in range(start // 5):
        sampler.draw(20)
    again = Uniform(len(source), 0)
    again.restore(sampler.state())
    for (lr, hr), (lr_again, hr_again) in zip(expected, feed(again, start // 5).batches(start), strict=False):
        np.testing.assert_array_equal(lr, lr_again)
        np.testing.assert_array_equal(hr, hr_again)


def test_tf_data_hands_out_the_same_batches_in_order(feed):
    for (lr, hr), theirs, _ in zip(feed(), as_dataset(feed()), range(12), strict=False):
        assert theirs[0].dtype == "uint8"
        np.testing.assert_array_equal(theirs[0], lr)
        np.testing.assert_array_equal(theirs[1], hr)
    seventh = next(iter(as_dataset(feed(), start=7)))
    np.testing.assert_array_equal(seventh[0], feed().batch(7)[0])


def test_a_round_that_was_left_behind_is_told(feed):
    made = feed()
    made.batch(200)
    with pytest.raises(ValueError, match="round 0 was left behind; the feed stands at round 40"):
        made.batch(0)


def test_every_patch_of_a_round_comes_once(feed, source):
    ids = np.concatenate([feed().numbers(batch) for batch in range(5)])
    assert len(set(ids.tolist())) == 20
    assert ids.max() < len(source)
