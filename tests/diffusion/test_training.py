"""A diffusion model trains as any other, and makes the same images from the same seed."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from visionfw.cli.rank import define, request_of
from visionfw.cli.train import completed
from visionfw.config import EvaluateRequest, TrainRequest
from visionfw.config.recipes import with_recipe
from visionfw.diffusion import SAMPLING, parse_noise_schedule
from visionfw.diffusion.sampler import DiffusionSampler
from visionfw.diffusion.target import Target
from visionfw.errors import RequestError
from visionfw.evaluation.loaded_model import load_for_evaluation, upscaler_for
from visionfw.io.files import write_json
from visionfw.runs.checkpoints import load_run
from visionfw.runs.resume import TrainingState, load, save
from visionfw.training.fit import train
from visionfw.training.models import compile_for_training
from visionfw.training.setup import prepare

REQUEST = TrainRequest(
    model="sr3",
    model_args=(("filters", 8), ("multiples", (1,)), ("attention", ()), ("groups", 2)),
    batch_size=3,
    patch_size=4,
    steps=8,
    validate_every=4,
    sampler="uniform",
    loss="mse",
    optimizer="adam",
    learning_rate=1e-3,
    ema=0.9,
    sampling_steps=1,
    noise_target="residual",
)


def quiet(line):
    pass


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One small image to validate on."""
    from visionfw.data.datasets import find_sets
    from visionfw.imaging.files import read_image, write_image

    folder = tmp_path_factory.mktemp("images")
    write_image(folder / "small.png", read_image(find_sets("embedded/test")[0].hr[1])[:48, :48])
    return folder


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """A finished run."""
    return train(replace(REQUEST, val_data=str(small), run_dir=str(tmp_path_factory.mktemp("runs") / "whole")), quiet)


def test_the_network_s_input_and_training_target(small):
    """The noisy patch is the closed form of a level between two steps, and the loss that of the noise."""
    plan = prepare(replace(REQUEST, val_data=str(small), noise_target="image", model_args=(*REQUEST.model_args, ("prediction_type", "epsilon"))), quiet)
    learner = compile_for_training(plan).learner
    lr, hr = plan.source.read(np.arange(4))
    seen, network, learner.parts = {}, learner.network, 1
    learner.network = lambda given, training=None: (seen.update({name: np.asarray(value) for name, value in given.items()}), network(given, training=training))[
        1
    ]
    outputs = {name: np.asarray(value) for name, value in learner({"lr": lr, "hr": hr}).items()}
    root = seen["noise_level"].reshape(4, 1, 1, 1)
    np.testing.assert_allclose(seen["noisy"], root * (hr / 127.5 - 1) + np.sqrt(1 - root**2) * outputs["training_target"], atol=1e-5)
    roots = np.sqrt(parse_noise_schedule("linear").gammas())
    assert ((root >= roots[-1]) & (root <= 1)).all() and len(np.unique(root)) == 4
    loss = float(learner.compute_loss(None, None, outputs))
    assert loss == pytest.approx(np.square(outputs["training_target"] - outputs["prediction"]).mean(), rel=1e-5)
    np.testing.assert_allclose(seen["lr"], lr / 255, atol=1e-6)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v"])
def test_one_step_with_a_perfect_prediction_gives_the_image(prediction_type, small):
    plan = prepare(replace(REQUEST, val_data=str(small), model_args=(*REQUEST.model_args, ("prediction_type", prediction_type))), quiet)
    learner = compile_for_training(plan).learner
    lr, hr = plan.source.read(np.arange(2))
    learner.parts = 1

    def perfect(inputs, training=None):
        enlarged = np.asarray(learner.bicubic(lr.astype(np.float32) / 255))
        image = (hr / np.float32(255) - enlarged) * 4
        root = np.asarray(inputs["noise_level"]).reshape(-1, 1, 1, 1)
        noise = (np.asarray(inputs["noisy"]) - root * image) / np.sqrt(1 - root**2)
        return noise if prediction_type == "epsilon" else root * noise - np.sqrt(1 - root**2) * image

    learner.network = perfect
    outputs = learner({"lr": lr, "hr": hr})
    np.testing.assert_allclose(np.asarray(outputs["prediction"]), np.asarray(outputs["training_target"]), atol=1e-3)
    np.testing.assert_allclose(np.asarray(outputs["sr"]), hr / 255, atol=0.02)


def test_the_run_holds_what_was_made_over_time(whole):
    with whole.history.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["step"] for row in rows] == ["4", "8"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    assert sorted(file.name for file in whole.samples.iterdir()) == ["step-0000004.png", "step-0000008.png"]
    assert whole.strip.exists()


def test_a_checkpoint_holds_what_noise_comes_next(small, tmp_path):
    """Beside what every training keeps, which tests/training/test_resume.py holds to the bit: the state that steps and noise are drawn from."""
    plan = prepare(replace(REQUEST, val_data=str(small)), quiet)
    lr, hr = plan.source.read(np.arange(4))
    learner, other = (compile_for_training(plan).learner for _ in range(2))
    learner.optimizer.build(learner.trainable_variables)
    learner({"lr": lr, "hr": hr})
    save(tmp_path / "checkpoint.npz", learner, TrainingState(step=1))
    assert load(tmp_path / "checkpoint.npz", other).step == 1
    ours, theirs = (np.asarray(one({"lr": lr, "hr": hr})["training_target"]) for one in (learner, other))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "arguments"), [("jax", "continuous=false"), ("torch", "continuous=true")])
def test_it_trains_on_other_backends(backend, arguments, small, tmp_path, root):
    pytest.importorskip(backend)
    line = [
        sys.executable,
        "train.py",
        "--model=sr3",
        f"--model_args=filters=4,multiples=[1],attention=[],groups=2,{arguments}",
        "--steps=2",
        "--batch_size=2",
        "--patch_size=4",
    ]
    line += ["--sampling_steps=1", f"--val_data={small}", "--validate_every=2", f"--run_dir={tmp_path / 'run'}"]
    done = subprocess.run(line, cwd=root, env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "diffusion training, unless given: --optimizer=adam" in done.stdout


def test_equal_seeds_make_equal_images(whole):
    sampler = DiffusionSampler(load_run(whole), parse_noise_schedule("linear"), Target("residual"), 4, steps=3)
    lr = np.random.default_rng(0).random((9, 10, 3), np.float32)
    first = sampler(lr)
    assert first.shape == (36, 40, 3) and first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(first, sampler(lr))
    assert np.abs(first - replace(sampler, seed=1)(lr)).max() > 0.01
    ancestral = replace(sampler, sampling=SAMPLING.parse("ddpm"))
    np.testing.assert_array_equal(ancestral(lr), ancestral(lr))


def test_batches_share_nothing_but_the_network(whole):
    sampler = DiffusionSampler(load_run(whole), parse_noise_schedule("linear"), Target("residual"), 4, steps=2)
    lr = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    np.testing.assert_allclose(sampler.upscale_batch(lr)[0], sampler(lr[0]), atol=0.2)  # the noise of a batch's first image is drawn first
    assert sampler.upscale_batch(lr).shape == (2, 32, 32, 3)


def test_tiles_of_a_network_with_a_small_receptive_field_are_the_whole_image():
    """Shared noise: with a network whose receptive field is small, tiles change nothing at all."""
    import visionfw as vf

    model = vf.build(
        {
            "name": "Local",
            "scale": 2,
            "pre_upsample": "bicubic",
            "inputs": {"lr": "lr", "noisy": "noisy", "noise_level": "level"},
            "shapes": {"noise_level": [1]},
            "outputs": {"noise": "noise"},
            "merge": [("lr", "noisy", "joined"), ("head", "shift", "shifted")],
            "merge_sub": ["Concatenate", "Add"],
            "layer": [("level", "shift")],
            "layer_sub": "Dense",
            "layer_par": {"units": 8},
            "conv": [("joined", "head"), ("shifted", "noise")],
            "conv_par": [{"filters": 8}, {"filters": 3}],
        }
    )
    sampler = DiffusionSampler(model, parse_noise_schedule("linear:steps=10,first=0.01,last=0.5"), Target("image"), 2, steps=4, tile=0)
    lr = np.random.default_rng(3).random((60, 70, 3), np.float32)
    np.testing.assert_allclose(replace(sampler, tile=16)(lr), sampler(lr), atol=2e-5)


def test_pixels_keep_their_dtype_and_axes(whole):
    sampler = DiffusionSampler(load_run(whole), parse_noise_schedule("linear"), Target("residual"), 4, steps=1)
    assert sampler.upscale_image(np.full((6, 5), 200, np.uint8)).shape == (24, 20)
    sr = sampler.upscale_image(np.full((6, 5, 3), 50_000, np.uint16))
    assert sr.dtype == np.uint16 and sr.shape == (24, 20, 3)


def test_evaluate_draws_several_and_says_so(whole, small, capsys, tmp_path):
    from visionfw.cli.evaluate import run

    page, figures = tmp_path / "x.html", tmp_path / "x.json"
    run("evaluate.py", [f"--run={whole.folder}", f"--test_data={small}", "--samples=2", "--sampling_steps=2", "--sampling=ddpm", f"--report={page},{figures}"])
    assert "SR3" in page.read_text() and "ddpm, 2 steps, 2 samples, seed 0" in page.read_text()
    assert json.loads(figures.read_text())["protocol"]["noise"] == "linear, 2000 steps, on the residual"
    said = capsys.readouterr().out
    assert "psnr_spread" in said and "consistency" in said
    assert "a diffusion model draws one of the images that fit" in said
    assert " ms per denoising step, 2 steps: " in said


def test_weights_without_their_run_make_the_same(whole, tmp_path):
    lr = np.random.default_rng(0).random((8, 8, 3), np.float32)
    of_run = EvaluateRequest(run=str(whole.folder), sampling_steps=2)
    of_file = EvaluateRequest(model="sr3", model_args=REQUEST.model_args, scale=4, weights=str(whole.best), sampling_steps=2)
    made = upscaler_for(load_for_evaluation(of_run), of_run)(lr)
    np.testing.assert_array_equal(upscaler_for(load_for_evaluation(of_file), of_file)(lr), made)
    other = replace(of_file, noise_target="image")
    assert np.abs(upscaler_for(load_for_evaluation(other), other)(lr) - made).max() > 0.01
    with pytest.raises(RequestError, match="--noise_target belongs to --weights: a run says itself"):
        replace(of_run, noise_target="image")


def test_going_on_from_a_run_keeps_its_noise(whole, tmp_path):
    """Without being asked: its weights know no other."""
    write_json(whole.record, whole.read() | {"request": whole.read()["request"] | {"noise_target": "image", "noise_schedule": "cosine"}})
    given = {"init_from": str(whole.folder), "adversarial": "", "noise_target": "residual", "noise_schedule": "linear", "model_args": (), "scale": 4}
    try:
        values, _ = completed(given, {"noise_schedule"})
    finally:
        write_json(whole.record, whole.read() | {"request": whole.read()["request"] | {"noise_target": "residual", "noise_schedule": "linear"}})
    assert (values["noise_target"], values["noise_schedule"], values["optimizer"]) == ("image", "linear", "adam")


def test_flags_of_evaluate_go_with_their_kind_of_model(whole, small, tmp_path):
    from visionfw.cli.evaluate import run

    with pytest.raises(RequestError, match="--self_ensemble: SR3 is a diffusion model"):
        run("evaluate.py", [f"--run={whole.folder}", f"--test_data={small}", "--self_ensemble"])
    with pytest.raises(RequestError, match="--samples belongs to --test_data"):
        run("evaluate.py", [f"--run={whole.folder}", f"--images={small}", f"--out={tmp_path / 'x'}", "--samples=2"])


def test_images_without_references(whole, tmp_path, capsys):
    from visionfw.cli.evaluate import run
    from visionfw.imaging.files import write_image

    write_image(tmp_path / "given.png", np.full((9, 8, 3), 99, np.uint8))
    run("evaluate.py", [f"--run={whole.folder}", f"--images={tmp_path / 'given.png'}", f"--out={tmp_path / 'x'}", "--sampling_steps=1"])
    assert "1 images upscaled" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": "l1+luma"}, "--loss=luma: SR3 is a diffusion model, whose loss compares noise; use l1, mse, charbonnier"),
        ({"adversarial": "vanilla"}, "--adversarial: SR3 is a diffusion model, which this does not go with"),
        ({"sampler": "psnr_gain:score=loss"}, "--sampler: a diffusion model's loss compares noise, not images, so it cannot rank patches"),
        ({"standardize_input": True}, "--standardize_input: SR3 is a diffusion model"),
        ({"model_args": (("prediction_type", "nosie"),)}, "inputs 'lr', 'noisy' and 'noise_level' or 'step', output 'noise' or 'velocity'"),
    ],
)
def test_what_does_not_go_with_it_is_told(changes, sentence, tmp_path):
    with pytest.raises(RequestError, match=sentence):
        train(replace(REQUEST, **changes, run_dir=str(tmp_path / "run")), quiet)
    assert not (tmp_path / "run").exists()


def test_other_models_have_no_noise_to_be_asked_about(tmp_path):
    with pytest.raises(RequestError) as told:
        prepare(TrainRequest(model="srcnn", noise_target="image", sampling_steps=5), quiet)
    assert str(told.value).splitlines() == [f"--{name}: belongs to diffusion models, and SRCNN is none" for name in ("noise_target", "sampling_steps")]


def test_what_its_strides_do_not_divide_is_told_by_the_flag(small):
    plan = prepare(replace(REQUEST, val_data=str(small), patch_size=5, scale=3), quiet)
    with pytest.raises(RequestError, match=r"--patch_size=5: must be a multiple of 2, by the strides of SR3"):
        compile_for_training(plan)


def test_a_ranking_of_models_has_their_recipe_and_one_kind():
    line = ["--train_sets=embedded/train", "--test_sets=embedded/test", "--out=x"]
    values = define("rank.py").parse([*line, "--models=sr3,sr3"])
    with pytest.raises(RequestError, match="'sr3' is named twice"):
        request_of({key: value for key, value in values.items() if key not in ("list", "resume", "dry_run")}, {"models"})
    values = define("rank.py").parse([*line, "--models=sr3,edsr_small"])
    with pytest.raises(RequestError, match="sr3's is diffusion, edsr_small's is plain"):
        request_of({key: value for key, value in values.items() if key not in ("list", "resume", "dry_run")}, {"models"})
    values = define("rank.py").parse(["--train_sets=a,b", "--test_sets=c", "--out=x", "--models=sr3"])
    request = request_of({key: value for key, value in values.items() if key not in ("list", "resume", "dry_run")}, {"models"})
    assert (request.of("a", 0).model, request.of("a", 0).optimizer, request.of("a", 0).loss) == ("sr3", "adam", "mse")


def test_recipes_give_way_to_what_is_given():
    values, said = with_recipe({"loss": "l1", "optimizer": "sgd", "patch_size": 8}, {"loss", "optimizer"}, "diffusion")
    assert (values["loss"], values["optimizer"], values["patch_size"]) == ("l1", "sgd", 16)
    assert "--patch_size=16" in said and "--loss" not in said
    assert "clip_norm" not in with_recipe({"clip_value": 0.5}, {"clip_value"}, "diffusion")[0]
    assert with_recipe({"loss": "l1"}, set(), "plain") == ({"loss": "l1"}, "")
    assert "content_loss" not in with_recipe({"adversarial": "vanilla"}, {"loss"}, "adversarial")[0]
