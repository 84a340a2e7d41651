"""The way to the device is reproducible and keeps LR and HR together."""

import numpy as np
import pytest

from visionfw.data.patches import open_patches
from visionfw.data.pipeline import Feed, as_dataset
from visionfw.imaging.colour import luma
from visionfw.samplers import Uniform


@pytest.fixture
def feed(image_folder):
    source = open_patches(str(image_folder), scale=2, patch_size=12)
    return lambda colour="rgb", seed=3: Feed(source, Uniform(len(source), seed).draw, 4, 5, colour, seed)


def test_equal_seeds_give_equal_batches(feed):
    for _, first, again in zip(range(7), feed(), feed(), strict=False):
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])


def test_other_seeds_give_other_batches(feed):
    assert (next(iter(feed()))[0] != next(iter(feed(seed=4)))[0]).any()


def test_batches_are_floats_in_0_to_1(feed):
    lr, hr = next(iter(feed()))
    assert (lr.shape, hr.shape, lr.dtype) == ((4, 12, 12, 3), (4, 24, 24, 3), np.float32)
    assert hr.min() >= 0 and 0.2 < hr.max() <= 1


def test_luma_is_the_protocols(feed):
    y, rgb = next(iter(feed("y")))[1], next(iter(feed()))[1]
    np.testing.assert_allclose(y[0, ..., 0], luma(rgb[0] * 255) / 255, atol=1e-6)


def test_tf_data_hands_out_the_same_batches_in_order(feed):
    for (lr, hr), theirs, _ in zip(feed(), as_dataset(feed()), range(6), strict=False):
        np.testing.assert_array_equal(theirs[0], lr)
        np.testing.assert_array_equal(theirs[1], hr)
