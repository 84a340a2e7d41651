"""Every step of a degradation against its definition."""

import math

import numpy as np
import pytest
from PIL import Image

import visionfw as vf
from visionfw.imaging.color import luma, to_ycbcr
from visionfw.imaging.degradations import DEGRADATION_STEPS, parse_degradation
from visionfw.imaging.resize import imresize


@pytest.fixture
def image(photograph):
    return photograph[:120, :180]


def blurred(image, sigma, size):
    """A Gaussian window and a repeated border, written out as sums."""
    x = np.arange(size) - size // 2
    window = np.exp(-(x**2) / (2 * sigma**2))
    window = np.outer(window, window) / window.sum() ** 2
    padded = np.pad(image.astype(float), [(size // 2,) * 2, (size // 2,) * 2, (0, 0)], mode="edge")
    height, width = image.shape[:2]
    total = sum(window[i, j] * padded[i : i + height, j : j + width] for i in range(size) for j in range(size))
    return np.floor(total + 0.5).astype(np.uint8)


def test_bicubic_is_matlabs(image):
    np.testing.assert_array_equal(vf.degrade(image, "bicubic", 3), imresize(image, 1 / 3))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_blur_then_bicubic(image, scale):
    np.testing.assert_array_equal(vf.degrade(image, "blur:sigma=1.2+bicubic", scale), imresize(blurred(image, 1.2, 9), 1 / scale))


def test_blur_down_is_a_7_by_7_window_and_the_middle_pixel(image):
    np.testing.assert_array_equal(vf.degrade(image, "blur_down", 3), blurred(image, 1.6, 7)[1::3, 1::3])


def test_noise_down_adds_noise_of_30_levels_after_bicubic(image):
    gray = np.full_like(image, 128)
    added = vf.degrade(gray, "noise_down", 3).astype(float) - 128
    assert abs(added.mean()) < 1
    assert 28.5 < added.std() < 31.5
    np.testing.assert_array_equal(vf.degrade(image, "noise_down:sigma=0", 3), imresize(image, 1 / 3))


def test_blurring_luma_alone_leaves_the_chroma(image):
    degraded = vf.degrade(image, "blur:sigma=2,channels=luma", 1)
    np.testing.assert_allclose(to_ycbcr(degraded)[..., 1:], to_ycbcr(image)[..., 1:], atol=6)  # clipping and rounding of R, G, B
    assert np.abs(np.diff(luma(degraded))).mean() < 0.7 * np.abs(np.diff(luma(image))).mean()


def test_area_is_the_mean_of_each_square(image):
    means = [[image[i : i + 4, j : j + 4].reshape(-1, 3).mean(axis=0) for j in range(0, 180, 4)] for i in range(0, 120, 4)]
    np.testing.assert_array_equal(vf.degrade(image, "area", 4), np.floor(np.array(means) + 0.5).astype(np.uint8))


def test_jpeg_is_pillows_of_that_quality(image, tmp_path):
    Image.fromarray(image).save(tmp_path / "x.jpg", quality=20)
    with Image.open(tmp_path / "x.jpg") as theirs:
        np.testing.assert_array_equal(vf.degrade(image, "jpeg:quality=20", 1), np.array(theirs))


@pytest.mark.parametrize(("kind", "is_independent"), [("color", True), ("gray", False)])
def test_noise_is_independent_in_each_channel_or_the_same_in_all(kind, is_independent):
    degraded = vf.degrade(np.full((64, 64, 3), 128, np.uint8), f"noise:sigma=20,kind={kind}", 1)
    assert (degraded[..., 0] != degraded[..., 1]).any() == is_independent


def test_photon_noise_grows_with_the_root_of_the_light():
    for value in (30, 120):
        degraded = vf.degrade(np.full((200, 200, 3), value, np.uint8), "poisson", 1).astype(float)
        assert degraded.std() == pytest.approx(math.sqrt(value), rel=0.05)


@pytest.mark.parametrize("name", sorted(set(DEGRADATION_STEPS) - {"novel"}))
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_every_step_keeps_the_contract(image, name, scale):
    """A uint8 image of HR / scale; the same for the same seed; still the same picture."""
    shrinks = any(DEGRADATION_STEPS.get(step.name).shrinks for step in parse_degradation(name).steps)
    text = (name if shrinks else f"{name}+bicubic") if scale > 1 else f"{name}+noise:sigma=1"
    degraded = vf.degrade(image, text, scale, seed=5)
    assert (degraded.shape, degraded.dtype) == ((120 // scale, 180 // scale, 3), np.uint8)
    np.testing.assert_array_equal(vf.degrade(image, text, scale, seed=5), degraded)
    assert vf.psnr(imresize(degraded, scale), image) > 12
