"""Evaluating a diffusion model: several draws, their report, and the flags that suit it."""

import json

import numpy as np
import pytest
from configs import training

from visionfw.config import from_flags
from visionfw.errors import RequestError
from visionfw.evaluation.config import EvaluateConfig
from visionfw.evaluation.evaluate import measure, upscale_files
from visionfw.evaluation.loaded_model import load_for_evaluation, upscaler_for
from visionfw.imaging.files import read_image, write_image
from visionfw.io.files import write_json
from visionfw.training.preflight import preflight


def evaluation(**flags):
    return from_flags(EvaluateConfig, flags)


def upscaler(**flags):
    config = evaluation(**flags)
    return upscaler_for(load_for_evaluation(config), config)


def test_several_draws_are_averaged_and_the_report_says_how_they_were_made(diffusion_run, small_images, tmp_path):
    page, values = tmp_path / "x.html", tmp_path / "x.json"
    flags = {"run": str(diffusion_run.folder), "test_data": str(small_images), "report": f"{page},{values}"}
    text = measure(evaluation(**flags, samples=2, sampling_steps=2, sampling="ddpm"), print)
    assert "psnr_spread" in text and "LR-PSNR" in text
    assert "a diffusion model draws one of the images that fit" in text
    assert " ms per denoising step, 2 steps: " in text
    assert "ddpm, 2 denoising steps, 2 samples, seed 0" in page.read_text()
    assert json.loads(values.read_text())["protocol"]["noise"] == "linear, 2000 steps, on the residual"


def test_weights_without_their_run_give_the_same_images(diffusion_run, diffusion_config):
    lr = np.random.default_rng(0).random((8, 8, 3), np.float32)
    weights = {"model": "sr3", "model_args": diffusion_config.model.args, "scale": 4, "weights": str(diffusion_run.best), "sampling_steps": 2}
    expected = upscaler(run=str(diffusion_run.folder), sampling_steps=2)(lr)
    np.testing.assert_array_equal(upscaler(**weights)(lr), expected)
    assert np.abs(upscaler(**weights, noise_target="image")(lr) - expected).max() > 0.01


def test_a_training_from_a_run_keeps_its_noise(diffusion_run, tmp_path):
    """The run's weights know no other noise, so its schedule and target are the defaults."""
    record = diffusion_run.read()
    noise = {"noise_target": "image", "noise_schedule": "cosine"}
    changed = {**record, "config": {**record["config"], "diffusion": {**record["config"]["diffusion"], **noise}}}
    try:
        write_json(diffusion_run.record, changed)
        diffusion = preflight(training(init_from=str(diffusion_run.folder))).config.diffusion
    finally:
        write_json(diffusion_run.record, record)
    assert (diffusion.noise_target, diffusion.noise_schedule.name) == ("image", "cosine")


def test_image_files_are_upscaled(diffusion_run, tmp_path):
    write_image(tmp_path / "photo.png", np.full((9, 8, 3), 99, np.uint8))
    flags = {"run": str(diffusion_run.folder), "images": str(tmp_path / "photo.png"), "out": str(tmp_path / "large"), "sampling_steps": 1}
    assert upscale_files(evaluation(**flags), print).startswith("1 image upscaled")
    assert read_image(tmp_path / "large" / "photo.png").shape == (36, 32, 3)


def test_flags_must_suit_the_kind_of_model(diffusion_run, small_images, tmp_path):
    run = {"run": str(diffusion_run.folder)}
    with pytest.raises(RequestError, match=r"--self_ensemble cannot be combined with a diffusion model \(SR3\)"):
        measure(evaluation(**run, test_data=str(small_images), self_ensemble=True), print)
    with pytest.raises(RequestError, match="--samples belongs to --test_data"):
        evaluation(**run, images=str(small_images), out=str(tmp_path / "x"), samples=2)
    with pytest.raises(RequestError, match="--noise_target belongs to --weights: a run records how it was trained"):
        evaluation(**run, noise_target="image")
