"""PSNR, SSIM and errors against scikit-image, TensorFlow and formulas."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from visionfw.errors import RequestError
from visionfw.metrics.arrays import mae, ms_ssim, mse, psnr, ssim


@pytest.fixture
def noisy(photograph):
    return np.clip(photograph + np.random.default_rng(0).normal(0, 12, photograph.shape), 0, 255)


def test_psnr_is_scikit_images(photograph, noisy):
    assert psnr(photograph, noisy) == pytest.approx(peak_signal_noise_ratio(photograph.astype(float), noisy, data_range=255), abs=1e-9)


@pytest.mark.parametrize("crop", [0, 4])
def test_ssim_is_scikit_images_gaussian_setting_inside(photograph, noisy, crop):
    a, b = (image[crop : image.shape[0] - crop, crop : image.shape[1] - crop, 1].astype(float) for image in (photograph, noisy))
    _, full = structural_similarity(a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)
    assert ssim(photograph[..., 1], noisy[..., 1], crop) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


def test_equal_images(photograph):
    assert psnr(photograph, photograph) == math.inf
    assert ssim(photograph, photograph) == pytest.approx(1)


def test_a_known_error():
    assert psnr(np.zeros((8, 8)), np.full((8, 8), 255.0)) == 0
    assert psnr(np.zeros((8, 8)), np.full((8, 8), 25.5)) == pytest.approx(20)


def test_the_crop_leaves_the_border_out():
    a, b = np.zeros((20, 20)), np.zeros((20, 20))
    b[0] = b[:, -1] = 200
    assert psnr(a, b) < 30
    assert psnr(a, b, crop=1) == math.inf


@pytest.mark.parametrize(("shape", "crop", "sentence"), [((9, 8), 0, "differ in shape"), ((8, 8), 4, "nothing is left")])
def test_what_cannot_be_compared_is_refused(shape, crop, sentence):
    with pytest.raises(RequestError, match=sentence):
        psnr(np.zeros((8, 8)), np.zeros(shape), crop)


def test_ssim_needs_a_window():
    with pytest.raises(RequestError, match="SSIM needs 11 x 11 pixels, and 8 x 8 are left"):
        ssim(np.zeros((8, 8)), np.zeros((8, 8)))


@pytest.mark.parametrize("shape", [(161, 161), (300, 450), (177, 290)])
def test_ms_ssim_is_tensorflows(photograph, noisy, shape):
    tensorflow = pytest.importorskip("tensorflow")
    a, b = (image[: shape[0], : shape[1]].astype(np.float32) for image in (photograph, noisy))
    assert ms_ssim(a, b) == pytest.approx(float(tensorflow.image.ssim_multiscale(a, b, 255.0)), abs=2e-4)


def test_ms_ssim_needs_five_scales():
    with pytest.raises(RequestError, match="MS-SSIM needs 161 x 161 pixels, and 160 x 300 are left"):
        ms_ssim(np.zeros((160, 300)), np.zeros((160, 300)))


def test_errors_are_their_formulas(photograph, noisy):
    inner = (slice(3, -3), slice(3, -3))
    assert mse(photograph, noisy, 3) == pytest.approx(((photograph[inner] - noisy[inner]) ** 2).mean())
    assert mae(photograph, noisy, 3) == pytest.approx(abs(photograph[inner] - noisy[inner]).mean())
