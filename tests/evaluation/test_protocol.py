"""Benchmark numbers follow the field's two protocols: independent figures of one crop, and the published rows where the sets are at hand."""

import numpy as np
import pytest

import visionfw as vf
from visionfw.data.datasets import find_sets
from visionfw.errors import RequestError
from visionfw.evaluation.protocol import EvalImage, Protocol, Score, load_eval_image
from visionfw.imaging.color import luma
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.files import read_image
from visionfw.imaging.resize import imresize
from visionfw.inference.upscaler import Upscaler
from visionfw.metrics.arrays import psnr

#: Bicubic on tests/data_files/set5_crop: scale -> PSNR and SSIM by the luma protocol, PSNR and SSIM by the RGB protocol. Computed apart
#: from the project: MATLAB's imresize written out pixel by pixel, MATLAB's LR files, scikit-image's SSIM.
CROP = {
    2: (39.80975, 0.97284, 39.81785, 0.97339),
    3: (35.24139, 0.91979, 35.25245, 0.92006),
    4: (32.96483, 0.85561, 32.98875, 0.85588),
}
#: PSNR and SSIM of SRCNN 9-5-5 x3 with its published weights on the crop, computed apart from the project with SciPy's correlation.
SRCNN_ON_CROP = (37.36513, 0.95920)
#: Bicubic's rows on whole sets: set, scale -> PSNR and SSIM by the luma protocol, PSNR and SSIM by the RGB protocol.
BICUBIC = {
    ("Set5", 2): (33.661, 0.9299, 33.673, 0.9303),
    ("Set5", 3): (30.392, 0.8682, 30.403, 0.8689),
    ("Set5", 4): (28.421, 0.8104, 28.429, 0.8111),
    ("Set14", 2): (30.326, 0.8694, 30.325, 0.8699),
    ("Set14", 3): (27.635, 0.7750, 27.631, 0.7759),
    ("Set14", 4): (26.094, 0.7037, 26.088, 0.7048),
    ("BSD100", 2): (29.558, 0.8431, 29.560, 0.8434),
    ("BSD100", 3): (27.207, 0.7384, 27.209, 0.7391),
    ("BSD100", 4): (25.961, 0.6674, 25.961, 0.6681),
}


def load(images, protocol):
    return [load_eval_image(hr, lr, protocol) for hr, lr in images.pairs(protocol.lr_degradation)]


def load_first(folder, protocol):
    return load(find_sets(str(folder), None, protocol.factor)[0], protocol)[0]


@pytest.fixture
def crop(root):
    """A crop of Set5 with MATLAB's LR images."""
    return root / "tests" / "data_files" / "set5_crop"


@pytest.mark.parametrize("scale", CROP)
def test_lr_images_are_matlabs_bit_for_bit(crop, scale):
    hr = read_image(crop / "HR" / "bird.png")
    matlab = read_image(crop / "LR_bicubic" / f"X{scale}" / f"birdx{scale}.png")
    lr = vf.imresize(hr, 1 / scale)
    assert lr.shape == matlab.shape == (60 // scale, 60 // scale, 3)
    np.testing.assert_array_equal(lr[:-2, :-2], matlab[:-2, :-2])  # the last two read pixels outside of the crop


@pytest.mark.parametrize("scale", CROP)
@pytest.mark.parametrize("color", ["y", "rgb"])
def test_bicubics_figures_are_those_of_an_independent_program(crop, scale, color):
    image = load_first(crop, Protocol(color, scale))
    expected = CROP[scale][:2] if color == "y" else CROP[scale][2:]
    assert (image.bicubic_psnr, image.bicubic_ssim) == pytest.approx(expected, abs=2e-5)


def test_published_weights_have_the_figures_of_an_independent_program(crop, root):
    weights = root.parent / "shared" / "weights" / "SRCNN_INx3.mat"
    if not weights.is_file():
        pytest.skip(f"needs published weights in {weights.parent}")
    model = vf.build(vf.definition("srcnn", scale=3))
    vf.load_weights(model, weights)
    image = load_first(crop, Protocol("y", 3))
    assert image.psnr_and_ssim(image.to_uint8(Upscaler(model)(image.lr))) == pytest.approx(SRCNN_ON_CROP, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), BICUBIC)
def test_bicubics_rows_are_met(benchmark_data, name, scale):
    (images,) = find_sets(name, str(benchmark_data), scale)
    for color, expected in (("y", BICUBIC[name, scale][:2]), ("rgb", BICUBIC[name, scale][2:])):
        loaded = load(images, Protocol(color, scale))
        assert np.mean([image.bicubic_psnr for image in loaded]) == pytest.approx(expected[0], abs=0.002)
        assert np.mean([image.bicubic_ssim for image in loaded]) == pytest.approx(expected[1], abs=0.0002)


def test_a_luma_model_reads_the_downscaled_rounded_luma(image_folder):
    image = load_first(image_folder, Protocol("y", 2))
    rounded, exact = np.round(luma(image.hr)), luma(image.hr)
    np.testing.assert_array_equal(image.lr[..., 0], imresize(rounded / 255, 1 / 2).astype(np.float32))
    assert (image.lr[..., 0] != imresize(exact / 255, 1 / 2).astype(np.float32)).any()
    np.testing.assert_array_equal(image.reference, rounded)


def test_an_rgb_model_reads_the_uint8_image_and_its_luma_is_not_rounded(image_folder):
    image = load_first(image_folder, Protocol("rgb", 2))
    np.testing.assert_array_equal(image.lr, imresize(image.hr, 1 / 2) / np.float32(255))
    np.testing.assert_array_equal(image.reference, luma(image.hr))


def test_the_reference_itself_scores_infinity(image_folder):
    for protocol in (Protocol("rgb", 4), Protocol("rgb", 4, channel="rgb")):
        image = load_first(image_folder, protocol)
        score = image.score(image.hr)
        assert (score.psnr, score.ssim, score.gain) == (np.inf, pytest.approx(1), np.inf)


def test_outputs_are_clipped_and_rounded_before_comparing(image_folder):
    image = load_first(image_folder, Protocol("y", 2))
    np.testing.assert_array_equal(image.to_uint8(np.array([[[-0.3], [0.50001], [1.7]]])), [[0, 128, 255]])


def test_the_output_of_a_model_of_another_scale_is_resized_by_bicubic(image_folder):
    image = load_first(image_folder, Protocol("rgb", 2, Degradation.parse("bicubic", 4)))
    small = image.hr[::2, ::2] / 255
    assert image.to_uint8(small).shape == image.hr.shape
    np.testing.assert_array_equal(image.to_uint8(small), np.clip(np.round(imresize(small, 2.0) * 255), 0, 255))


@pytest.mark.parametrize(("crop_border", "left_out"), [(None, 4), (1, 1), (0, 0)])
def test_the_border_is_the_scale_unless_given(image_folder, crop_border, left_out):
    image = load_first(image_folder, Protocol("y", 4, crop=crop_border))
    wrong = image.reference.astype(np.uint8)
    wrong[:left_out] = 0
    assert image.score(wrong).psnr == np.inf
    wrong[: left_out + 1] = 0
    assert image.score(wrong).psnr == pytest.approx(psnr(wrong, image.reference, left_out))


def test_luma_becomes_rgb_with_bicubics_chroma(image_folder):
    image = load_first(image_folder, Protocol("y", 2))
    rgb = image.to_rgb(image.bicubic)
    assert rgb.shape == image.hr.shape
    np.testing.assert_allclose(luma(rgb)[8:-8, 8:-8], image.bicubic[8:-8, 8:-8], atol=2.0)
    assert image.to_rgb(rgb) is rgb


def test_a_luma_model_cannot_be_compared_in_rgb():
    with pytest.raises(RequestError, match="--channel=rgb: the model computes luma only"):
        Protocol("y", 4, channel="rgb")


@pytest.mark.parametrize(
    ("model", "bicubic", "gain"),
    [(30.0, 28.5, 1.5), (28.0, 28.5, -0.5), (np.inf, 40.0, np.inf), (40.0, np.inf, -np.inf), (np.inf, np.inf, 0.0)],
)
def test_a_gain_hides_no_loss_where_bicubic_is_exact(model, bicubic, gain):
    assert Score("x", model, 0.9, bicubic, 0.8).gain == gain


def test_values_are_named_as_the_columns_of_reports():
    assert Score("x", 30.0, 0.9, 28.5, 0.8, {"lr_psnr": 50.0}).values() == {
        "psnr": 30.0,
        "ssim": 0.9,
        "bicubic_psnr": 28.5,
        "bicubic_ssim": 0.8,
        "gain": 1.5,
        "lr_psnr": 50.0,
    }


def test_a_flat_image_is_exact_for_bicubic():
    flat = np.full((32, 32, 3), 77, np.uint8)
    image = EvalImage("flat", Protocol("rgb", 2), flat, flat[::2, ::2])
    assert image.psnr_and_ssim(image.bicubic)[0] == np.inf
