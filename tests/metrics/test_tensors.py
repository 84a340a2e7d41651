"""Metrics of tensors are those of NumPy arrays."""

import numpy as np
import pytest

from visionfw.metrics import arrays, tensors
from visionfw.metrics.arrays import psnr
from visionfw.metrics.tensors import psnr_per_image


def test_each_images_psnr_is_the_reference(photograph):
    random = np.random.default_rng(0)
    a = np.stack([photograph[:32, :40], photograph[50:82, 60:100]]).astype(np.float32) / 255
    b = np.clip(a + random.normal(0, [[[[0.02]]], [[[0.1]]]], a.shape), 0, 1).astype(np.float32)
    np.testing.assert_allclose(psnr_per_image(a, b), [psnr(x * 255, y * 255) for x, y in zip(a, b, strict=True)], atol=1e-3)


def test_equal_images_give_a_finite_value():
    x = np.zeros((1, 4, 4, 3), np.float32)
    np.testing.assert_allclose(psnr_per_image(x, x), [100], atol=1e-3)


@pytest.mark.parametrize("name", ["ssim", "ms_ssim", "mse", "mae"])
def test_each_metric_is_the_reference(photograph, name):
    random = np.random.default_rng(0)
    a = np.stack([photograph[:165, :171], photograph[130:295, 250:421]]).astype(np.float32) / 255
    b = np.clip(a + random.normal(0, [[[[0.02]]], [[[0.1]]]], a.shape), 0, 1).astype(np.float32)
    unit = {"mse": 255**2, "mae": 255}.get(name, 1)
    expected = [getattr(arrays, name)(x * 255.0, y * 255.0) / unit for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(getattr(tensors, f"{name}_per_image")(a, b), expected, rtol=1e-3, atol=1e-6)
