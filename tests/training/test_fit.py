"""A run from request to directory: it learns, is recorded whole, and evaluates to the figure it was validated with."""

import csv
import json

import keras
import numpy as np
import pytest
from configs import change, plan_of, training
from PIL import Image

import visionfw as vf
from visionfw.config import from_record, read_toml
from visionfw.data.datasets import find_sets
from visionfw.errors import RequestError
from visionfw.evaluation.benchmark import benchmark
from visionfw.evaluation.protocol import Protocol
from visionfw.imaging.files import image_size
from visionfw.inference.upscaler import Upscaler, super_resolve
from visionfw.training.config import TrainConfig
from visionfw.training.fit import train

SMALL = {"model_args": {"blocks": 1, "filters": 8}, "batch_size": 4, "patch_size": 12, "steps": 30, "validate_every": 10}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished small run on the embedded photographs, and what was said."""
    said = []
    folder = tmp_path_factory.mktemp("runs") / "small"
    run = train(training(**SMALL, run_dir=str(folder)), said.append)
    return run, said


def test_the_directory_holds_everything(finished):
    run, _ = finished
    record = run.read()
    assert record["state"] == "done"
    assert record["request"]["model"]["args"] == {"blocks": 1, "filters": 8}
    assert "optimizer" not in record["request"]["optimizer"]  # left open in the request, settled in the configuration
    assert record["config"]["optimizer"]["optimizer"].startswith("muon:")
    assert read_toml(TrainConfig, str(run.config)) == change(from_record(TrainConfig, record["config"], "run.json"), run_dir=None)
    assert record["data"]["patches"] > 100
    assert len(record["data"]["fingerprint"]) == 16
    assert record["versions"] | {"keras": keras.__version__, "numpy": np.__version__, "backend": "tensorflow"} == record["versions"]
    assert vf.canonicalize(run.read_model()) == run.read_model()
    assert all(path.exists() for path in (run.best, run.last, run.history, run.tensorboard, run.curve, run.comparison))


def test_the_history_has_a_line_a_validation(finished):
    run, _ = finished
    with run.history.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["step"]) for row in rows] == [10, 20, 30]
    assert {"loss", "psnr", "val_psnr", "val_gain", "seconds"} <= set(rows[0])


def test_what_is_said_has_figures_and_the_time_left(finished):
    _, said = finished
    assert any("step 10/30: loss " in line and "training " in line and "validation " in line and "over bicubic" in line and "left" in line for line in said)
    assert "best validation" in said[-1]


def test_the_best_weights_evaluate_to_the_best_validation(finished):
    run, _ = finished
    model = vf.load(run.folder)
    (score,) = benchmark(lambda lr: super_resolve(model, lr), find_sets("embedded/test"), Protocol("rgb", 4))
    assert score.mean("psnr") == pytest.approx(run.read()["best"]["val_psnr"], abs=0.001)


def test_the_picture_shows_three_images_and_their_details(finished):
    run, _ = finished
    with Image.open(run.comparison) as picture:
        assert picture.width > 3 * 448
        assert picture.height > 300


def test_a_loaded_run_enlarges_images(finished, photograph):
    run, _ = finished
    model = vf.load(run.folder)
    made = vf.upscale(model, photograph[:30, :41])
    assert (made.shape, made.dtype) == ((120, 164, 3), np.uint8)
    assert vf.upscale(model, photograph[:30, :41, 0]).shape == (120, 164)


@pytest.mark.slow
def test_equal_seeds_train_to_equal_weights(tmp_path):
    short = SMALL | {"steps": 3, "precision": "float32"}
    models = [vf.load(train(training(**short, seed=5, run_dir=str(tmp_path / name)), lambda line: None).folder) for name in "ab"]
    for first, again in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(first, again)


def test_a_luma_model_trains_and_is_pictured_in_color(tmp_path, image_folder):
    request = training(
        model="espcn", train_data=str(image_folder), val_data=str(image_folder), steps=4, batch_size=2, patch_size=8, scale=2, run_dir=str(tmp_path / "y")
    )
    run = train(request, lambda line: None)
    with Image.open(run.comparison) as picture:
        assert picture.mode == "RGB"
    image = vf.upscale(vf.load(run.folder), np.full((10, 12, 3), 77, np.uint8))
    assert image.shape == (20, 24, 3)


def test_a_model_with_strides_validates_on_images_whose_sides_they_do_not_divide(tmp_path, image_folder):
    file = tmp_path / "halving.json"
    halving = {"name": "Halving", "scale": 4, "conv": [[0, 1], [1, 2]], "conv_par": [{"strides": 2, "filters": 8}, {"filters": 192}]}
    file.write_text(json.dumps(halving | {"layer": [[2, 3]], "layer_sub": "PixelShuffle", "layer_par": {"size": 8}}))
    request = training(model=str(file), train_data=str(image_folder), val_data=str(image_folder), steps=1, patch_size=12, run_dir=str(tmp_path / "run"))
    run = train(request, lambda line: None)
    assert all(image_size(path)[1] // 4 % 2 for path in image_folder.iterdir())
    (score,) = benchmark(Upscaler(vf.load(run.folder)), find_sets(str(image_folder)), Protocol("rgb", 4))
    assert score.mean("psnr") == pytest.approx(run.read()["best"]["val_psnr"], abs=0.001)


def test_mixed_precision_validates_in_float32(tmp_path, image_folder):
    request = training(
        **SMALL | {"steps": 2, "validate_every": 0},
        precision="mixed_bfloat16",
        train_data=str(image_folder),
        val_data=str(image_folder),
        run_dir=str(tmp_path / "run"),
    )
    run = train(request, lambda line: None)
    (score,) = benchmark(lambda lr: super_resolve(vf.load(run.folder), lr), find_sets(str(image_folder)), Protocol("rgb", 4))
    assert score.mean("psnr") == pytest.approx(run.read()["best"]["val_psnr"], abs=0.001)


def test_epochs_are_passes_over_the_patches(tmp_path, image_folder):
    request = training(
        model_args=SMALL["model_args"], epochs=1, train_data=str(image_folder), val_data=str(image_folder), patch_size=24, run_dir=str(tmp_path / "run")
    )
    run = train(request, lambda line: None)
    assert run.read()["steps"] == max(1, run.read()["data"]["patches"] // 8)


def test_a_run_directory_is_not_overwritten(finished):
    run, _ = finished
    with pytest.raises(RequestError, match="holds a run already"):
        train(training(**SMALL, run_dir=str(run.folder)), lambda line: None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": "srgan_discriminator", "model_args": {}}, "its output is no image"),
        ({"train_data": "nowhere"}, "no data set 'nowhere'"),
        ({"patch_size": 1000}, "patch_size 1000: no LR image is that large"),
    ],
)
def test_what_cannot_be_trained_is_reported_before_anything_is_written(tmp_path, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        train(training(**SMALL | change | {"run_dir": str(tmp_path / "run")}), lambda line: None)
    assert not (tmp_path / "run").exists()


def test_an_exploding_loss_stops_the_run_with_one_line(tmp_path, image_folder):
    request = training(
        **SMALL | {"steps": 20},
        learning_rate=1e30,
        optimizer="sgd",
        loss="mse",
        train_data=str(image_folder),
        val_data=str(image_folder),
        run_dir=str(tmp_path / "run"),
    )
    with pytest.raises(vf.VisionfwError, match="the loss is not finite at step"):
        train(request, lambda line: None)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "failed"
    assert not (tmp_path / "run" / "best.weights.h5").exists()


@pytest.mark.slow
def test_averaged_weights_are_what_is_validated_kept_and_evaluated(tmp_path):
    run = train(training(**SMALL, ema=0.9, run_dir=str(tmp_path / "run")), lambda line: None)
    record = run.read()
    assert record["weights"] == "averaged, decay 0.9"
    model = vf.load(run.folder)
    (score,) = benchmark(lambda lr: super_resolve(model, lr), find_sets("embedded/test"), Protocol("rgb", 4))
    assert score.mean("psnr") == pytest.approx(record["best"]["val_psnr"], abs=0.001)


@pytest.mark.parametrize("ema", [0.0, 0.1, 0.999])
def test_the_average_is_its_formula(tmp_path, ema):
    """After three steps: average = decay x average + (1 - decay) x weights, from the first step's weights on; the decay of step t is min(ema, (1 + t) / (10 + t))."""
    from visionfw.training.batches import batch_source
    from visionfw.training.models import compile_for_training

    plan = plan_of(training(**SMALL, ema=ema), lambda line: None)
    made = compile_for_training(plan)
    model, learner = made.model, made.train_model
    batches = iter(batch_source(plan))
    average = None
    for step in range(3):
        learner.train_on_batch(*next(batches))
        weights, decay = model.get_weights(), min(ema, (1 + step) / (10 + step))
        average = weights if average is None else [decay * old + (1 - decay) * new for old, new in zip(average, weights, strict=True)]
    learner.optimizer.finalize_variable_values(model.trainable_variables)
    for made, expected in zip(model.get_weights(), average, strict=True):
        np.testing.assert_allclose(made, expected, atol=1e-6)
