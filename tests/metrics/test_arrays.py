"""Against scikit-image, TensorFlow and formulas."""

import math

import numpy as np
import pytest
from skimage.measure import shannon_entropy
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from visionfw.errors import RequestError
from visionfw.metrics.arrays import checkerboard, entropy, high_frequencies, mae, ms_ssim, mse, psnr, ssim


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
def test_what_cannot_be_compared_is_told(shape, crop, sentence):
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


def test_entropy_is_scikit_images(photograph):
    assert entropy(photograph[..., 0], 2) == pytest.approx(shannon_entropy(photograph[2:-2, 2:-2, 0]))
    assert entropy(np.full((20, 20), 7.0)) == 0


def test_fine_detail_is_measured_by_its_amplitude():
    rows = np.arange(64)[:, None] * np.ones(64)
    coarse, fine = 40 * np.sin(2 * np.pi * rows / 16), 10 * np.sin(2 * np.pi * rows * 3 / 8)
    assert high_frequencies(128 + coarse + fine, 128 + coarse + fine) == 1
    assert high_frequencies(128 + coarse + 0.5 * fine, 128 + coarse + fine) == pytest.approx(0.25, rel=0.01)
    assert high_frequencies(128 + coarse, 128 + coarse + fine) < 0.001


def test_a_blurred_photograph_has_less_fine_detail(photograph):
    blurred = (photograph.astype(float) + np.roll(photograph, 1, 0) + np.roll(photograph, 1, 1)) / 3
    assert 0 < high_frequencies(blurred, photograph, 4) < 0.8


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_grid_of_dots_is_a_checkerboard_and_a_photograph_is_none(photograph, scale):
    assert 1.0 <= checkerboard(photograph, scale, scale) < 1.15
    dotted = photograph.astype(float)
    dotted[::scale, 1::scale] += 20
    assert checkerboard(dotted, scale, scale) > 1.3
    assert checkerboard(dotted, scale, scale) == pytest.approx(checkerboard(np.stack([dotted] * 3, axis=-1), scale, scale))


def test_a_checkerboard_is_its_closed_form():
    """Of 2 x 2 places one is higher by d: its Laplacian is 4 d, that of its two neighbors 2 d, of the last 0, so the median is 2 d."""
    dots = np.zeros((34, 34))
    dots[::2, ::2] = 7.0
    assert checkerboard(dots, 2) == pytest.approx(2.0)
    assert checkerboard(np.full((48, 48), 9.0), 4) == 1.0
    with pytest.raises(RequestError, match="checkerboard: 8 x 11 pixels are too few for a grid of 4 x 4"):
        checkerboard(np.zeros((11, 8)), 4)
