"""The training step's PSNR is the reference's."""

import numpy as np

from visionfw.metrics.arrays import psnr
from visionfw.metrics.tensors import psnr_per_image


def test_each_images_psnr_is_the_reference(photograph):
    random = np.random.default_rng(0)
    a = np.stack([photograph[:32, :40], photograph[50:82, 60:100]]).astype(np.float32) / 255
    b = np.clip(a + random.normal(0, [[[[0.02]]], [[[0.1]]]], a.shape), 0, 1).astype(np.float32)
    np.testing.assert_allclose(psnr_per_image(a, b), [psnr(x * 255, y * 255) for x, y in zip(a, b, strict=True)], atol=1e-3)


def test_equal_images_give_a_finite_figure():
    x = np.zeros((1, 4, 4, 3), np.float32)
    np.testing.assert_allclose(psnr_per_image(x, x), [100], atol=1e-3)
