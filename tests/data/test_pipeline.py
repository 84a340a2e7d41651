"""tf.data and Keras' datasets hand out the same batches in the same order."""

import numpy as np
import pytest

from visionfw.data.batches import BatchSource
from visionfw.data.patches import open_patches
from visionfw.data.pipeline import as_dataset, as_rounds
from visionfw.samplers import Uniform


@pytest.fixture
def batches():
    source = open_patches("embedded/test", scale=2, patch_size=12)
    return lambda: BatchSource(source, Uniform(len(source), 3), 4, 5, seed=3)


def test_tf_data_hands_out_the_same_batches_in_order(batches):
    for (lr, hr), theirs, _ in zip(batches(), as_dataset(batches()), range(12), strict=False):
        assert theirs[0].dtype == "uint8"
        np.testing.assert_array_equal(theirs[0], lr)
        np.testing.assert_array_equal(theirs[1], hr)
    seventh = next(iter(as_dataset(batches(), start=7)))
    np.testing.assert_array_equal(seventh[0], batches().read(7)[0][0])


def test_hr_patches_can_be_an_input(batches):
    lr, hr = batches().read(0)
    for x, y in (next(iter(as_dataset(batches(), hr_is_input=True))), as_rounds(batches(), 0, hr_is_input=True)[0]):
        np.testing.assert_array_equal(x["lr"], lr[0])
        np.testing.assert_array_equal(x["hr"], hr[0])
        np.testing.assert_array_equal(y, hr[0])


def test_a_keras_dataset_is_the_rest_of_a_round_and_then_whole_rounds(batches):
    expected = batches().read(0, 10)
    source = batches()
    rounds = as_rounds(source, start=2, share=slice(1, 3))
    assert len(rounds) == 3
    for place in range(3):
        for patches, whole in zip(rounds[place], expected, strict=True):
            np.testing.assert_array_equal(patches, whole[2 + place, 1:3])
    source.release_round(1)
    rounds = as_rounds(source, start=5)
    assert len(rounds) == 5
    np.testing.assert_array_equal(rounds[0][0], expected[0][5])
