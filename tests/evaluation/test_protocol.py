"""Benchmark numbers are made by the field's protocols: bicubic's published rows come out."""

import numpy as np
import pytest

from visionfw.data.datasets import find_sets
from visionfw.evaluation.benchmark import benchmark
from visionfw.evaluation.protocol import Protocol, prepare
from visionfw.imaging.resize import imresize
from visionfw.metrics.arrays import psnr


def cases_of(images, protocol):
    return [prepare(hr, lr, protocol) for hr, lr in images.pairs(protocol.how)]


#: set, scale -> luma protocol's PSNR and SSIM, RGB protocol's PSNR and SSIM.
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


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), BICUBIC)
def test_bicubics_rows_are_met(benchmark_data, name, scale):
    (images,) = find_sets(name, str(benchmark_data), scale)
    for color, expected in (("y", BICUBIC[name, scale][:2]), ("rgb", BICUBIC[name, scale][2:])):
        cases = cases_of(images, Protocol(color, scale))
        assert np.mean([case.bicubic_psnr for case in cases]) == pytest.approx(expected[0], abs=0.002)
        assert np.mean([case.bicubic_ssim for case in cases]) == pytest.approx(expected[1], abs=0.0002)


@pytest.mark.parametrize("color", ["rgb", "y"])
def test_bicubic_itself_gains_nothing(image_folder, color):
    def enlarge(lr):
        if color == "y":
            return imresize(lr.astype(np.float64), 4)
        return imresize(np.round(lr * 255).astype(np.uint8), 4) / 255

    (score,) = benchmark(enlarge, find_sets(str(image_folder)), Protocol(color, 4))
    row = score.row("bicubic")
    assert (row["images"], row["scale"], row["dataset"]) == (3, 4, str(image_folder))
    assert row["gain"] == pytest.approx(0, abs=2e-3)
    assert row["psnr"] == pytest.approx(row["bicubic_psnr"], abs=2e-3)


def test_the_original_scores_infinity_over_y_of_the_uint8_image(image_folder):
    case = cases_of(find_sets(str(image_folder))[0], Protocol("rgb", 4))[0]
    assert case.score(lambda lr: case.hr / 255).psnr == np.inf


def test_outputs_are_clipped_and_rounded_before_comparing(image_folder):
    case = cases_of(find_sets(str(image_folder))[0], Protocol("y", 2))[0]
    made = case.finish(np.array([[[-0.3], [0.50001], [1.7]]]))
    np.testing.assert_array_equal(made, [[0, 128, 255]])


def test_the_crop_is_the_scale(image_folder):
    case = cases_of(find_sets(str(image_folder))[0], Protocol("y", 4))[0]
    wrong_border = case.reference / 255
    wrong_border[:4] = 0
    assert case.score(lambda lr: wrong_border[..., None]).psnr == np.inf
    assert psnr(wrong_border * 255, case.reference) < 40
