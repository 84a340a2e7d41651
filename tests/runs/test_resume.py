"""A run that was stopped goes on as if nothing had happened."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from configs import change, training
from runs import assert_same_weights, history_of, interrupted, silent

import visionfw as vf
from visionfw.errors import RequestError, VisionfwError
from visionfw.runs.directory import Run
from visionfw.training.fit import train

REQUEST = training(
    model_args={"blocks": 1, "filters": 8},
    batch_size=4,
    patch_size=12,
    steps=24,
    validate_every=8,
    ema=0.9,
    augment="dihedral,cutmix",
    warmup=4,
    precision="float32",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing stopped."""
    return train(change(REQUEST, run_dir=str(tmp_path_factory.mktemp("runs") / "whole")), silent)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was stopped in its second round, after one validation; tests change copies of it."""
    return interrupted(REQUEST, tmp_path_factory.mktemp("runs") / "stopped", 9)


@pytest.fixture
def run(stopped, tmp_path):
    return Run(Path(shutil.copytree(stopped.folder, tmp_path / "run")))


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "step"), [("psnr_gain:score=loss,start=bicubic", 2), ("headroom", 12)])
def test_a_sampler_goes_on_with_what_it_has_learned(tmp_path, sampler, step):
    """Rounds of four steps, stopped inside one without a validation, and at the end of one."""
    request = change(REQUEST, sampler=sampler, round_patches=16)
    expected = train(change(request, run_dir=str(tmp_path / "whole")), silent)
    run = interrupted(request, tmp_path / "run", step)
    train(change(request, run_dir=str(run.folder)), silent, resume=True)
    assert_same_weights(run, expected)


@pytest.mark.parametrize("step", [3, pytest.param(13, marks=pytest.mark.slow)])
def test_stopped_and_resumed_equals_never_stopped_to_the_bit(whole, tmp_path, step):
    run = interrupted(REQUEST, tmp_path / "run", step)
    assert run.read()["state"] == "interrupted"
    train(change(REQUEST, run_dir=str(run.folder)), silent, resume=True)
    assert_same_weights(run, whole)
    assert run.read()["best"] == whole.read()["best"]
    for ours, theirs in zip(history_of(run), history_of(whole), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for one, other in zip(vf.load(run.folder).get_weights(), vf.load(whole.folder).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_in_bfloat16_a_resumed_run_comes_to_the_same_validation(tmp_path):
    request = change(REQUEST, precision="mixed_bfloat16", ema=0.0)
    expected = train(change(request, run_dir=str(tmp_path / "whole")), silent)
    run = interrupted(request, tmp_path / "run", 13)
    train(change(request, run_dir=str(run.folder)), silent, resume=True)
    assert history_of(run)[-1]["val_psnr"] == pytest.approx(history_of(expected)[-1]["val_psnr"], abs=0.01)


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    move, checkpoints = os.replace, []

    def full(source, target):
        checkpoints.extend([target] if str(target).endswith("checkpoint.npz") else [])
        if len(checkpoints) > 1:
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(VisionfwError, match=r"checkpoint\.npz: cannot be written: No space left on device; the previous checkpoint is kept"):
        train(change(REQUEST, run_dir=str(tmp_path / "run")), silent)
    monkeypatch.undo()
    run = train(change(REQUEST, run_dir=str(tmp_path / "run")), silent, resume=True)
    assert [row["step"] for row in history_of(run)] == [8, 16, 24]


def test_other_images_are_refused(run, image_folder):
    other = change(REQUEST, run_dir=str(run.folder), train_data=str(image_folder))
    with pytest.raises(RequestError, match=r"--resume: the training images of .* have changed since it was started"):
        train(other, silent, resume=True)


def test_a_damaged_checkpoint_is_reported(run):
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:3000])
    with pytest.raises(VisionfwError, match=r"checkpoint\.npz: cannot be resumed from"):
        train(change(REQUEST, run_dir=str(run.folder)), silent, resume=True)


def test_a_run_that_was_killed_before_its_first_step_is_resumed_from_there(whole, run):
    """run.json is the first file that a run writes; a kill can leave it alone in its folder, with a half-written file."""
    for path in set(run.folder.iterdir()) - {run.record}:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (run.folder / ".partial-0123456789abcdef.json").write_text("{")
    train(change(REQUEST, run_dir=str(run.folder)), silent, resume=True)
    assert_same_weights(run, whole)
    assert run.read_model() == whole.read_model()
    assert [path.name for path in run.folder.glob(".*")] == []


@pytest.mark.slow
def test_dropout_goes_on_with_its_own_random_numbers(tmp_path):
    model = tmp_path / "dropping.py"
    model.write_text(
        "def dropping(*, scale=2):\n"
        "    return {'name': 'Dropping', 'scale': scale, 'conv': [(0, 1), (2, 3)], 'conv_par': [{'filters': 8}, {'filters': 12}],\n"
        "            'layer': [(1, 2), (3, 4)], 'layer_sub': ['Dropout', 'PixelShuffle'], 'layer_par': [{'rate': 0.5}, {'size': 2}]}\n"
    )
    request = change(REQUEST, model=str(model), model_args={}, scale=2, run_dir=str(tmp_path / "whole"))
    expected = train(request, silent)
    keras.utils.set_random_seed(99)
    run = interrupted(request, tmp_path / "run", 11)
    assert_same_weights(train(change(request, run_dir=str(run.folder)), silent, resume=True), expected)


@pytest.mark.slow
def test_kill_9_at_any_moment_resumes_to_the_same_run(root, tmp_path):
    """The command is killed three times on its way; the run that nothing stopped is the command's too, in the same threads."""
    flags = ["--model_args=blocks=1,filters=8", "--batch_size=4", "--patch_size=12", "--steps=96", "--validate_every=8", "--ema=0.9"]
    flags += ["--augment=dihedral,cutmix", "--warmup=4", "--precision=float32"]
    train_py, resume = [sys.executable, "-u", str(root / "train.py")], ["--resume", "--run_dir=run"]
    subprocess.run([*train_py, *flags, "--run_dir=whole"], cwd=tmp_path, capture_output=True, check=True)
    for more, step in (([*flags, "--run_dir=run"], 8), (resume, 32), (resume, 64)):
        process = subprocess.Popen([*train_py, *more], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        kill_at_line(process, f"step {step}/96")
    done = subprocess.run([*train_py, *resume], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 or "is done" in done.stderr, done.stderr
    assert_same_weights(Run(tmp_path / "run"), Run(tmp_path / "whole"))
    again = subprocess.run([*train_py, *resume, "--learning_rate=0.5"], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2
    assert "is done" in again.stderr


def kill_at_line(process, beginning):
    """Send SIGKILL once a process has printed a line that begins so."""
    for line in process.stdout:
        assert "Traceback" not in line
        if line.startswith(beginning):
            break
    process.kill()
    process.stdout.close()
    process.wait()
