"""Training a diffusion model: what its network reads and should predict, and what a run keeps."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from configs import change, plan_of, silent, training

from visionfw.diffusion import parse_noise_schedule
from visionfw.errors import RequestError
from visionfw.runs.resume import TrainingState, load_checkpoint, save_checkpoint
from visionfw.training.fit import train
from visionfw.training.models import compile_for_training


def trainer_of(config, **flags):
    """Return the model that `fit` trains, and the source of its patches."""
    plan = plan_of(change(config, **flags))
    trainer = compile_for_training(plan).train_model
    trainer.parts = 1
    return trainer, plan.patches


def with_args(config, **args):
    return {**config.model.args, **args}


def test_the_network_reads_noisy_patches_and_should_predict_their_noise(diffusion_config):
    """The noisy patch is the closed form at a level between two steps; the loss compares the prediction with the noise."""
    trainer, patches = trainer_of(diffusion_config, noise_target="image", model_args=with_args(diffusion_config, prediction_type="epsilon"))
    lr, hr = patches.read(np.arange(4))
    read, network = {}, trainer.network

    def recording(inputs, training=None):
        read.update({name: np.asarray(value) for name, value in inputs.items()})
        return network(inputs, training=training)

    trainer.network = recording
    outputs = {name: np.asarray(value) for name, value in trainer({"lr": lr, "hr": hr}).items()}
    root = read["noise_level"].reshape(4, 1, 1, 1)
    np.testing.assert_allclose(read["noisy"], root * (hr / 127.5 - 1) + np.sqrt(1 - root**2) * outputs["training_target"], atol=1e-5)
    np.testing.assert_allclose(read["lr"], lr / 255, atol=1e-6)
    lowest = np.sqrt(parse_noise_schedule("linear").gammas()[-1])
    assert ((root >= lowest) & (root <= 1)).all()
    assert len(np.unique(root)) == 4
    loss = float(trainer.compute_loss(None, None, outputs))
    assert loss == pytest.approx(np.square(outputs["training_target"] - outputs["prediction"]).mean(), rel=1e-5)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v"])
def test_a_perfect_prediction_gives_the_image_in_one_step(diffusion_config, prediction_type):
    trainer, patches = trainer_of(diffusion_config, model_args=with_args(diffusion_config, prediction_type=prediction_type))
    lr, hr = patches.read(np.arange(2))

    def perfect(inputs, training=None):
        upscaled = np.asarray(trainer.bicubic(lr.astype(np.float32) / 255))
        residual = (hr / np.float32(255) - upscaled) * 4
        root = np.asarray(inputs["noise_level"]).reshape(-1, 1, 1, 1)
        noise = (np.asarray(inputs["noisy"]) - root * residual) / np.sqrt(1 - root**2)
        return noise if prediction_type == "epsilon" else root * noise - np.sqrt(1 - root**2) * residual

    trainer.network = perfect
    outputs = trainer({"lr": lr, "hr": hr})
    np.testing.assert_allclose(np.asarray(outputs["prediction"]), np.asarray(outputs["training_target"]), atol=1e-3)
    np.testing.assert_allclose(np.asarray(outputs["sr"]), hr / 255, atol=0.02)


def test_a_run_keeps_its_losses_and_a_sample_of_every_validation(diffusion_run):
    with diffusion_run.history.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["step"] for row in rows] == ["4", "8"]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    assert sorted(file.name for file in diffusion_run.samples.iterdir()) == ["step-0000004.png", "step-0000008.png"]
    assert diffusion_run.strip.exists()


def test_a_checkpoint_holds_which_noise_comes_next(diffusion_config, tmp_path):
    """Beside what every training keeps, which tests/runs/test_resume.py holds to the bit: the state that steps and noise are drawn from."""
    trainer, patches = trainer_of(diffusion_config)
    other, _ = trainer_of(diffusion_config)
    lr, hr = patches.read(np.arange(4))
    trainer({"lr": lr, "hr": hr})
    save_checkpoint(tmp_path / "checkpoint.npz", trainer, TrainingState(step=1))
    assert load_checkpoint(tmp_path / "checkpoint.npz", other).step == 1
    ours, theirs = (np.asarray(one({"lr": lr, "hr": hr})["training_target"]) for one in (trainer, other))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "arguments"), [("jax", "continuous=False"), ("torch", "continuous=True")])
def test_it_trains_on_other_backends(backend, arguments, small_images, tmp_path, root):
    pytest.importorskip(backend)
    command = [
        sys.executable,
        "train.py",
        "--model=sr3",
        f"--model_args=filters=4,multiples=[1],attention=[],groups=2,{arguments}",
        "--steps=2",
        "--batch_size=2",
        "--patch_size=4",
        "--sampling_steps=1",
        f"--val_data={small_images}",
        "--validate_every=2",
        f"--run_dir={tmp_path / 'run'}",
    ]
    done = subprocess.run(command, cwd=root, env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "defaults of diffusion training: " in done.stdout


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": "l1+luma"}, "--loss=luma: SR3 is a diffusion model, whose loss compares noise: "),
        ({"adversarial": "vanilla"}, r"--adversarial cannot be combined with a diffusion model \(SR3\)"),
        ({"sampler": "psnr_gain:score=loss"}, "--sampler: the loss of predicted noise does not measure how hard a patch is"),
        ({"standardize_input": True}, r"--standardize_input cannot be combined with a diffusion model \(SR3\)"),
        ({"patch_size": 5, "scale": 3}, "--patch_size=5: must be a multiple of 2, because of the strides of SR3"),
    ],
)
def test_what_a_diffusion_model_cannot_be_combined_with_is_refused(diffusion_config, changes, sentence, tmp_path):
    with pytest.raises(RequestError, match=sentence):
        train(change(diffusion_config, **changes, run_dir=str(tmp_path / "run")), silent)
    assert not (tmp_path / "run").exists()


def test_other_models_take_no_flags_of_diffusion_models():
    with pytest.raises(RequestError) as error:
        plan_of(training(model="srcnn", noise_target="image", sampling_steps=5))
    assert str(error.value).splitlines() == [f"--{name} belongs to diffusion models, and SRCNN is none" for name in ("noise_target", "sampling_steps")]
