"""Metrics besides PSNR and SSIM: their inputs by the protocol, image by image and set by set."""

import numpy as np
import pytest

import visionfw as vf
from visionfw.data.datasets import find_sets
from visionfw.errors import RequestError
from visionfw.evaluation.benchmark import benchmark
from visionfw.evaluation.metric_suite import MetricSuite, for_generative_model
from visionfw.evaluation.protocol import Protocol, load_eval_image
from visionfw.imaging.color import luma
from visionfw.imaging.degradations.pipeline import Degradation
from visionfw.imaging.resize import imresize
from visionfw.metrics import FEATURE_NETWORKS, IMAGE_INPUTS, METRICS, FeatureNetworkEntry, MetricEntry, parse_metrics
from visionfw.registry import Spec


def bicubic(lr):
    return imresize(np.round(lr * 255).astype(np.uint8), 4) / 255


def load_first(folder, protocol):
    images = find_sets(str(folder), None, protocol.factor)[0]
    return load_eval_image(*images.pairs(protocol.lr_degradation)[0], protocol)


def measure(names, image, sr):
    return MetricSuite(parse_metrics(names)).measure_image(image, sr)


def test_lr_psnr_is_the_psnr_of_the_downscaled_image(image_folder):
    image = load_first(image_folder, Protocol("rgb", 4))
    assert measure("lr_psnr", image, image.hr) == {"lr_psnr": np.inf}  # bicubic made the LR image of it
    expected = vf.psnr(luma(imresize(image.bicubic, 1 / 4)), luma(image.lr_image))
    assert measure("lr_psnr", image, image.bicubic)["lr_psnr"] == pytest.approx(expected)


def test_lr_psnr_of_a_luma_model_is_of_luma(image_folder):
    image = load_first(image_folder, Protocol("y", 4))
    lr = np.round(np.clip(image.lr[..., 0], 0, 1) * 255)
    assert measure("lr_psnr", image, image.bicubic)["lr_psnr"] == pytest.approx(vf.psnr(imresize(image.bicubic, 1 / 4), lr), abs=0.01)


@pytest.mark.parametrize(("color", "channel", "shape"), [("y", "y", ()), ("rgb", "y", ()), ("rgb", "rgb", (3,))])
def test_every_input_is_what_the_table_says(image_folder, color, channel, shape):
    image = load_first(image_folder, Protocol(color, 2, channel=channel))
    height, width = image.hr.shape[:2]
    got = {}

    def note(**inputs):
        got.update(inputs)
        return 0.0

    names = tuple(IMAGE_INPUTS)
    with METRICS.temporary(MetricEntry(name="note", target=lambda *values: note(**dict(zip(names, values, strict=True))), inputs=names)):
        measure("note", image, image.bicubic)
    for name in ("sr", "hr"):
        assert (got[name].shape, got[name].dtype) == ((height - 4, width - 4, *shape), np.float64)
    for name in ("sr_downscaled", "lr"):
        assert (got[name].shape, got[name].dtype) == ((height // 2, width // 2, *shape), np.float64)
    for name in ("sr_rgb", "hr_rgb"):
        assert (got[name].shape, got[name].dtype) == ((height, width, 3), np.uint8)
    assert got["scale"] == 2
    assert vf.psnr(got["sr"], got["hr"]) == pytest.approx(image.bicubic_psnr)


def test_the_checkerboards_grid_is_the_models_scale(image_folder):
    image = load_first(image_folder, Protocol("rgb", 2, Degradation.parse("bicubic", 4), crop=0))
    dotted = image.bicubic.copy()
    dotted[::2, ::2] = np.minimum(dotted[::2, ::2].astype(int) + 30, 255)
    assert measure("checkerboard", image, dotted)["checkerboard"] > 1.3


def test_what_the_protocol_computes_is_not_computed_again(image_folder):
    image = load_first(image_folder, Protocol("rgb", 4))
    assert measure("psnr,mse,ssim", image, image.bicubic).keys() == {"mse"}


def test_a_generative_model_is_measured_by_lr_psnr_once():
    assert [spec.name for spec in for_generative_model(parse_metrics("psnr,fid"))] == ["psnr", "fid", "lr_psnr"]
    assert for_generative_model(parse_metrics("lr_psnr,mse")) == parse_metrics("lr_psnr,mse")


class MeanColors:
    """A feature network whose features are an image's mean color."""

    def __init__(self, files, allow_download, needed_by):
        self.needed_by = needed_by

    def __call__(self, image):
        return image.mean(axis=(0, 1)), np.full(4, 0.25)


@pytest.fixture
def mean_colors():
    """A metric of sets, `color_distance`, on a feature network that the test makes."""

    def distance(hr_features, sr_features, sr_classes):
        return float(np.abs(hr_features.mean(axis=0) - sr_features.mean(axis=0)).max()) + len(sr_classes)

    entry = MetricEntry(name="color_distance", target=distance, inputs=("hr_features", "sr_features", "sr_classes"), networks=("mean_colors",))
    with FEATURE_NETWORKS.temporary(FeatureNetworkEntry(name="mean_colors", target=MeanColors)), METRICS.temporary(entry):
        yield entry


def test_a_set_is_compared_as_a_whole(image_folder, mean_colors):
    suite = MetricSuite(parse_metrics("color_distance"))
    for _ in range(2):  # the second set is compared without the first
        (score,) = benchmark(bicubic, find_sets(str(image_folder)), Protocol("rgb", 4), metrics=suite)
        assert 3 <= score.row("x")["color_distance"] < 4
        assert "color_distance" not in score.image_rows()[0]


def test_a_missing_package_or_missing_weights_are_refused_before_any_image():
    foreign = MetricEntry(name="foreign", target=len, package="a_package_that_nobody_has")
    needed = r"--metrics=foreign needs a_package_that_nobody_has: pip install 'visionfw\[quality\]'"
    with METRICS.temporary(foreign), pytest.raises(RequestError, match=needed):
        MetricSuite(parse_metrics("foreign"))
    with pytest.raises(RequestError, match="--metrics=kid needs the weights of InceptionV3"):
        MetricSuite([Spec("kid"), Spec("fid")])
