"""Batches are reproducible, can be entered at any number, and keep LR and HR together."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionfw.data.augmentation import parse_augmentation
from visionfw.data.batches import BatchSource, Chunks
from visionfw.data.patches import open_patches
from visionfw.samplers import Uniform


@pytest.fixture(scope="module")
def source():
    return open_patches("embedded/test", scale=2, patch_size=12)


@pytest.fixture
def batches(source):
    def make(seed=3, augment="dihedral", **more):
        return BatchSource(source, Uniform(len(source), seed), 4, 5, parse_augmentation(augment), seed, **more)

    return make


class LearningSampler:
    """Draws the same patches every round, and learns from scores."""

    score = "gain"

    def __init__(self):
        self.rounds = 0

    def draw(self, k):
        self.rounds += 1
        return np.arange(k) + self.rounds

    def state(self):
        return {"rounds": self.rounds}


def test_batches_are_uint8(batches):
    lr, hr = next(iter(batches()))
    assert (lr.shape, hr.shape, lr.dtype, hr.dtype) == ((4, 12, 12, 3), (4, 24, 24, 3), np.uint8, np.uint8)


def test_equal_seeds_give_equal_batches(batches):
    for _, first, again in zip(range(12), batches(), batches(), strict=False):
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])


def test_other_seeds_give_other_batches(batches):
    assert (next(iter(batches()))[0] != next(iter(batches(seed=4)))[0]).any()


@given(start=st.integers(0, 23), augment=st.sampled_from(["dihedral", "none", "dihedral,cutmix,color_jitter"]))
@settings(max_examples=20, deadline=None)
def test_batches_can_be_entered_at_any_number(source, start, augment):
    """With a sampler at the start of the batch's round, as a checkpoint keeps it."""

    def batches(sampler, first_round=0):
        return BatchSource(source, sampler, 4, 5, parse_augmentation(augment), 3, first_round)

    whole = batches(Uniform(len(source), 3))
    expected = [whole.read(number) for number in range(26)][start:]
    sampler = Uniform(len(source), 3)
    for _ in range(start // 5):
        sampler.draw(20)
    restored = Uniform(len(source), 0)
    restored.restore(sampler.state())
    for (lr, hr), (lr_again, hr_again) in zip(expected, batches(restored, start // 5).iterate(start), strict=False):
        np.testing.assert_array_equal(lr[0], lr_again)
        np.testing.assert_array_equal(hr[0], hr_again)


def test_the_patches_are_those_of_the_round(batches, source):
    own = batches(augment="none")
    ids = own.ids_of_round(1)
    assert ids.shape == (5, 4)
    lr, hr = own.read(7, 2)
    for place in range(2):
        for patches, expected in zip((lr[place], hr[place]), source.read(ids[2 + place]), strict=True):
            np.testing.assert_array_equal(patches, expected)


def test_every_patch_of_a_round_comes_once(batches, source):
    ids = batches().ids_of_round(0).reshape(-1)
    assert len(set(ids.tolist())) == 20
    assert ids.max() < len(source)


def test_a_round_that_is_no_longer_kept_is_refused(batches):
    own = batches()
    own.read(200)
    with pytest.raises(ValueError, match="round 0 is no longer kept; the last one that was drawn is round 40"):
        own.read(0)


def test_a_round_of_a_learning_sampler_is_drawn_once_it_is_released(source):
    batches = BatchSource(source, LearningSampler(), 4, 5)
    drawn = threading.Event()

    def read_the_second_round():
        batches.ids_of_round(1)
        drawn.set()

    assert batches.ids_of_round(0)[0].tolist() == [1, 2, 3, 4]
    thread = threading.Thread(target=read_the_second_round)
    thread.start()
    assert not drawn.wait(0.05)
    assert batches.sampler.rounds == 1
    batches.release_round(1)
    thread.join(timeout=60)
    assert drawn.is_set()
    assert batches.state_before(1) == {"rounds": 1}


def test_closing_ends_the_waiting_for_a_round(source):
    batches = BatchSource(source, LearningSampler(), 4, 5)
    batches.close()
    with pytest.raises(ValueError, match="round 1 will not be released: the batch source is closed"):
        batches.read(5)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 60))
def test_every_batch_is_in_one_chunk_and_no_chunk_crosses_a_round(round_steps, size, batch):
    chunks = Chunks(round_steps, min(size, round_steps))
    numbers = chunks.batches(chunks.chunk_of(batch))
    assert batch in numbers
    assert len(numbers) <= size
    assert numbers[0] // round_steps == numbers[-1] // round_steps
    assert chunks.batches(chunks.chunk_of(batch) + 1)[0] == numbers[-1] + 1
