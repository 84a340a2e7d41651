"""Patches of noise are as many as the images would have, and are read without pixels."""

import numpy as np

from visionfw.data.cache import open_headers, open_sets
from visionfw.data.datasets import find_sets
from visionfw.data.patches import PatchSource
from visionfw.data.patches.noise import NoisePatches
from visionfw.imaging.degradations.pipeline import Degradation


def test_they_are_as_many_and_as_large_as_the_patches_of_the_images(image_folder, tmp_path):
    sets, bicubic = find_sets(str(image_folder)), Degradation.parse("bicubic", 2, 0)
    noise = NoisePatches(open_headers(sets, bicubic), 12, 5)
    assert len(noise) == len(PatchSource(open_sets(sets, bicubic, tmp_path / "cache"), 12, 5))
    lr, hr = noise.read(np.array([0, 1, len(noise) - 1]))
    assert (lr.shape, lr.dtype) == ((3, 12, 12, 3), np.uint8)
    assert (hr.shape, hr.dtype) == ((3, 24, 24, 3), np.uint8)
    assert (lr[0] != lr[1]).any()
    assert 100 < hr.mean() < 155
    assert len(noise.limited(7)) == 7
