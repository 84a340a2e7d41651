"""A benchmark's rows: means over images, infinite values, images that do not fit into memory, several samples of an image."""

import math

import numpy as np
import pytest

from visionfw.data.datasets import find_sets
from visionfw.errors import RequestError, VisionfwError
from visionfw.evaluation.benchmark import Failure, SetScore, average_samples, benchmark
from visionfw.evaluation.metric_suite import MetricSuite
from visionfw.evaluation.protocol import Protocol, Score
from visionfw.imaging.files import write_image
from visionfw.imaging.resize import imresize
from visionfw.metrics import parse_metrics

RGB = Protocol("rgb", 4)


def bicubic(lr):
    return imresize(np.round(lr * 255).astype(np.uint8), 4) / 255


def set_score(*scores):
    return SetScore("Set5", RGB, scores)


@pytest.mark.parametrize("color", ["rgb", "y"])
def test_bicubic_itself_gains_nothing(image_folder, color):
    upscale = bicubic if color == "rgb" else lambda lr: imresize(lr.astype(np.float64), 4)
    (score,) = benchmark(upscale, find_sets(str(image_folder)), Protocol(color, 4))
    row = score.row("bicubic")
    assert (row["images"], row["failed"], row["scale"], row["dataset"]) == (3, 0, 4, str(image_folder))
    assert row["gain"] == pytest.approx(0, abs=2e-3)
    assert row["psnr"] == pytest.approx(row["bicubic_psnr"], abs=2e-3)


def test_a_row_is_the_mean_of_the_images_values():
    row = set_score(Score("a", 30.0, 0.9, 28.0, 0.8, {"mse": 10.0}), Score("b", 20.0, 0.7, 19.0, 0.6, {"mse": 20.0})).row("x")
    assert (row["psnr"], row["ssim"], row["gain"], row["mse"]) == (25.0, pytest.approx(0.8), 1.5, 15.0)


def test_an_image_that_bicubic_reproduces_exactly_makes_the_rows_means_infinite():
    """A loss on it is not hidden: the gain is minus infinity, not 0."""
    row = set_score(Score("flat", 40.0, 0.9, math.inf, 1.0), Score("b", 30.0, 0.9, 28.0, 0.8)).row("x")
    assert (row["psnr"], row["bicubic_psnr"], row["gain"]) == (35.0, math.inf, -math.inf)


def test_a_mean_of_infinities_of_both_signs_is_not_a_number():
    row = set_score(Score("flat", 40.0, 0.9, math.inf, 1.0), Score("exact", math.inf, 1.0, 28.0, 0.8)).row("x")
    assert math.isnan(row["gain"])


@pytest.fixture
def exhausting():
    """A model that runs out of memory at images wider than 37 LR pixels, as a backend says it, or as the upscaler does."""

    class ResourceExhaustedError(Exception):
        pass

    def exhaust(wrapped):
        def upscale(lr):
            if lr.shape[0] < 33:
                return bicubic(lr)
            try:
                raise ResourceExhaustedError("OOM when allocating tensor")
            except ResourceExhaustedError as error:
                if wrapped:
                    raise VisionfwError("not enough memory to upscale 37 x 33 pixels at once") from error
                raise

        return upscale

    return exhaust


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_image_that_does_not_fit_into_memory_is_a_failure_and_the_others_are_measured(image_folder, exhausting, wrapped):
    images = find_sets(str(image_folder))
    (whole,) = benchmark(bicubic, images, RGB)
    (score,) = benchmark(exhausting(wrapped), images, RGB)
    row = score.row("x")
    assert (row["images"], row["failed"]) == (2, 1)
    assert row["psnr"] == pytest.approx(np.mean([one.psnr for one in whole.scores[:2]]))
    assert score.failure_lines() == [f"{image_folder}: 2.png is not measured: out of memory"]
    assert [row["image"] for row in score.image_rows()] == ["0", "1"]


def test_a_set_of_failures_only_has_a_row_without_numbers():
    row = set_score(Failure("a.png", "out of memory")).row("x")
    assert (row["images"], row["failed"]) == (0, 1)
    assert math.isnan(row["psnr"]) and math.isnan(row["gain"])


def test_any_other_error_names_the_image(image_folder):
    def refuse(lr):
        raise VisionfwError("its output is not finite")

    with pytest.raises(VisionfwError, match=r"0\.png: its output is not finite"):
        benchmark(refuse, find_sets(str(image_folder)), RGB)
    write_image(image_folder / "0.png", np.zeros((12, 12, 3), np.uint8))
    with pytest.raises(RequestError, match=r"0\.png: SSIM needs 11 x 11 pixels, and 4 x 4 are left"):
        benchmark(bicubic, find_sets(str(image_folder)), RGB)


def test_measured_images_are_handed_on_with_their_scores(image_folder):
    seen, done = [], []
    (score,) = benchmark(
        bicubic,
        find_sets(str(image_folder)),
        RGB,
        metrics=MetricSuite(parse_metrics("mse")),
        on_image=lambda *values: seen.append(values),
        progress=lambda count, total: done.append((count, total)),
    )
    assert [(dataset, image.name, score) for dataset, image, score, _ in seen] == [(str(image_folder), one.image, one) for one in score.scores]
    assert all((sr.shape, sr.dtype) == (image.hr.shape, np.uint8) for _, image, _, sr in seen)
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_samples_are_averaged_with_their_spread():
    first, second = set_score(Score("a", 30.0, 0.9, 28.0, 0.8, {"mse": 1.0})), set_score(Score("a", 32.0, 0.7, 28.0, 0.8, {"mse": 3.0}))
    (score,) = average_samples([[first], [second]])[0].scores
    assert (score.psnr, score.ssim, score.bicubic_psnr, score.metrics["mse"]) == (31.0, pytest.approx(0.8), 28.0, 2.0)
    assert (score.metrics["psnr_spread"], score.metrics["ssim_spread"]) == (pytest.approx(2**0.5), pytest.approx(0.02**0.5))


def test_an_image_that_failed_in_one_sample_counts_as_failed():
    whole = set_score(Score("a", 30.0, 0.9, 28.0, 0.8), Score("b", 31.0, 0.9, 28.0, 0.8))
    broken = set_score(Failure("a.png", "out of memory"), Score("b", 33.0, 0.9, 28.0, 0.8))
    (averaged,) = average_samples([[whole], [broken]])
    assert [score.image for score in averaged.scores] == ["b"]
    assert averaged.failures == [Failure("a.png", "out of memory")]
    assert averaged.scores[0].psnr == 32.0
