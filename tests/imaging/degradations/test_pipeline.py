"""A degradation applied to images."""

import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.imaging.degradations.pipeline import Degradation


@pytest.fixture
def image(photograph):
    return photograph[:120, :180]


def test_random_choices_are_the_seeds_and_the_files(image):
    degradation = Degradation.parse("second_order", 4, seed=1)
    assert (degradation.apply(image, "a.png") == degradation.apply(image, "a.png")).all()
    assert (degradation.apply(image, "a.png") != degradation.apply(image, "b.png")).any()
    assert (degradation.apply(image, "a.png") != Degradation.parse("second_order", 4, seed=2).apply(image, "a.png")).any()


def test_a_range_is_drawn_anew_for_each_image(image):
    degradation = Degradation.parse("blur:sigma=0.1..3+bicubic", 2)
    sharpness = {np.abs(np.diff(degradation.apply(image, str(number)).astype(float), axis=0)).mean().round(3) for number in range(8)}
    assert len(sharpness) > 5


def test_a_range_of_whole_numbers_includes_both_ends(image):
    sizes = {vf.degrade(image, "jpeg:quality=1..2", 1, seed).tobytes() for seed in range(20)}
    assert sizes == {vf.degrade(image, f"jpeg:quality={quality}", 1).tobytes() for quality in (1, 2)}


def test_what_exceeds_a_multiple_of_the_scale_is_cut_off(image):
    np.testing.assert_array_equal(vf.degrade(image[:-1, :-3], "area", 4), vf.degrade(image[:-4, :-4], "area", 4))


def test_an_image_that_cannot_be_shrunk_is_refused(image):
    with pytest.raises(RequestError, match="3 x 2 pixels cannot be shrunk by 4"):
        vf.degrade(image[:2, :3], "bicubic", 4)
    with pytest.raises(RequestError, match="an image to degrade must be"):
        vf.degrade(image[..., 0], "bicubic", 4)
