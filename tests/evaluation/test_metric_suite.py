"""Figures beside PSNR and SSIM, image by image and set by set."""

import importlib.util

import numpy as np
import pytest

from visionfw.data.datasets import find_sets
from visionfw.evaluation import metric_suite as measures
from visionfw.evaluation.benchmark import benchmark
from visionfw.evaluation.metric_suite import MetricSuite
from visionfw.evaluation.protocol import Protocol, prepare
from visionfw.imaging.resize import imresize


def cases_of(images, protocol):
    return [prepare(hr, lr, protocol) for hr, lr in images.pairs(protocol.how)]


def bicubic(lr):
    return imresize(np.round(lr * 255).astype(np.uint8), 4) / 255


def test_consistency_is_the_psnr_of_what_is_shrunk_again(image_folder):
    case = cases_of(find_sets(str(image_folder))[0], Protocol("rgb", 4))[0]
    found = MetricSuite(["consistency"])
    assert found.of_image(case, case.hr)["consistency"] == np.inf  # bicubic made the LR image of it
    assert 30 < found.of_image(case, case.bicubic)["consistency"] < 60


def test_a_set_is_compared_as_a_whole(image_folder, monkeypatch):
    class Means:
        def __init__(self, *_):
            pass

        def __call__(self, image):
            return image.mean(axis=(0, 1)), np.full(4, 0.25)

    monkeypatch.setattr(measures, "Inception", Means)
    names = ["fid", "kid", "inception_score"]
    (score,) = benchmark(bicubic, find_sets(str(image_folder)), Protocol("rgb", 4), None, MetricSuite(names))
    row = score.row("x")
    assert row["inception_score"] == pytest.approx(1)
    assert row["fid"] == pytest.approx(0, abs=1)
    assert "fid" not in score.image_rows()[0]


@pytest.mark.skipif(importlib.util.find_spec("torchmetrics") is None, reason="torchmetrics is not installed")
def test_vif_is_one_for_the_original_and_less_for_bicubic(image_folder):
    case = cases_of(find_sets(str(image_folder))[0], Protocol("rgb", 4))[0]
    found = MetricSuite(["vif"])
    assert found.of_image(case, case.hr)["vif"] == pytest.approx(1, abs=1e-3)
    assert 0.1 < found.of_image(case, case.bicubic)["vif"] < 0.8
