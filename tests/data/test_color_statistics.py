"""Mean and deviation of a set's pixels, against NumPy's own."""

import numpy as np
import pytest

from visionfw.data.color_statistics import mean_and_deviation
from visionfw.data.patches import open_patches
from visionfw.imaging.color import luma


@pytest.mark.parametrize("color", ["rgb", "y"])
def test_they_are_numpys_over_all_pixels(image_folder, tmp_path, color):
    store = open_patches(str(image_folder), scale=2, patch_size=12, cache=str(tmp_path)).store
    images = [store.hr_image(index) / 255.0 if color == "rgb" else luma(store.hr_image(index))[..., None] / 255.0 for index in range(len(store))]
    pixels = np.concatenate([image.reshape(-1, image.shape[-1]) for image in images])
    mean, spread = mean_and_deviation(store, color)
    np.testing.assert_allclose(mean, pixels.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(spread, pixels.std(axis=0), rtol=1e-6)
