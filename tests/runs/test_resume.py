"""A run that was stopped goes on as if nothing had happened."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.config import TrainRequest
from visionfw.errors import RequestError, VisionfwError
from visionfw.runs.directory import Run
from visionfw.training import callbacks
from visionfw.training.fit import train

REQUEST = TrainRequest(
    model_args=(("blocks", 1), ("filters", 8)),
    batch_size=4,
    patch_size=12,
    steps=24,
    validate_every=8,
    ema=0.9,
    augment="dihedral,cutmix",
    warmup=4,
    precision="float32",
)


def quiet(line):
    pass


def weights_of(run):
    with np.load(run.checkpoint) as file:
        return {key: file[key] for key in file.files if key != "standing"}


def history_of(run):
    with run.history.open() as lines:
        return [{key: float(value) for key, value in row.items() if key != "seconds"} for row in csv.DictReader(lines)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing stopped."""
    return train(replace(REQUEST, run_dir=str(tmp_path_factory.mktemp("runs") / "whole")), quiet)


def stopped(folder, monkeypatch, step, request=REQUEST):
    """Start a run and stop it after a step, as Ctrl-C does."""
    on_end = callbacks.Validation.on_train_batch_end

    def press(self, batch, logs=None):
        if self.standing.step == step - 1:
            os.kill(os.getpid(), signal.SIGINT)
        on_end(self, batch, logs)

    monkeypatch.setattr(callbacks.Validation, "on_train_batch_end", press)
    with pytest.raises(KeyboardInterrupt):
        train(replace(request, run_dir=str(folder)), quiet)
    monkeypatch.undo()
    return Run(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "step"), [("psnr_gain:score=loss,start=bicubic", 2), ("headroom", 12)])
def test_a_sampler_goes_on_with_what_it_has_learned(tmp_path, monkeypatch, sampler, step):
    """Rounds of four steps, stopped inside one without a validation, and at the end of one."""
    request = replace(REQUEST, sampler=sampler, round_patches=16)
    expected = weights_of(train(replace(request, run_dir=str(tmp_path / "whole")), quiet))
    run = stopped(tmp_path / "run", monkeypatch, step, request)
    train(replace(request, run_dir=str(run.folder)), quiet, resume=True)
    made = weights_of(run)
    for key, value in expected.items():
        np.testing.assert_array_equal(made[key], value, err_msg=key)


@pytest.mark.parametrize("step", [3, 13])
def test_stopped_and_resumed_equals_never_stopped_to_the_bit(whole, tmp_path, monkeypatch, step):
    run = stopped(tmp_path / "run", monkeypatch, step)
    assert run.read()["state"] == "interrupted"
    train(replace(REQUEST, run_dir=str(run.folder)), quiet, resume=True)
    expected, made = weights_of(whole), weights_of(run)
    assert expected.keys() == made.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(made[key], value, err_msg=key)
    assert run.read()["best"] == whole.read()["best"]
    for ours, theirs in zip(history_of(run), history_of(whole), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for one, other in zip(vf.load(run.folder).get_weights(), vf.load(whole.folder).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_in_bfloat16_a_resumed_run_comes_to_the_same_validation(tmp_path, monkeypatch):
    request = replace(REQUEST, precision="mixed_bfloat16", ema=0.0)
    expected = train(replace(request, run_dir=str(tmp_path / "whole")), quiet)
    run = stopped(tmp_path / "run", monkeypatch, 13, request)
    train(replace(request, run_dir=str(run.folder)), quiet, resume=True)
    assert history_of(run)[-1]["val_psnr"] == pytest.approx(history_of(expected)[-1]["val_psnr"], abs=0.01)


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    from visionfw.runs import resume as continuation

    write_whole, written = continuation.write_whole, []

    def full(path, content):
        written.append(path)
        if len(written) > 1:
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    monkeypatch.setattr(continuation, "write_whole", full)
    with pytest.raises(VisionfwError, match="No space left on device; the checkpoint before is kept"):
        train(replace(REQUEST, run_dir=str(tmp_path / "run")), quiet)
    monkeypatch.undo()
    run = train(replace(REQUEST, run_dir=str(tmp_path / "run")), quiet, resume=True)
    assert [row["step"] for row in history_of(run)] == [8, 16, 24]


def test_other_images_are_refused(tmp_path, monkeypatch, image_folder):
    run = stopped(tmp_path / "run", monkeypatch, 9)
    other = replace(REQUEST, run_dir=str(run.folder), train_data=str(image_folder))
    with pytest.raises(RequestError, match=r"--resume: the training images of .* have changed since it was started"):
        train(other, quiet, resume=True)


def test_a_damaged_checkpoint_is_told(tmp_path, monkeypatch):
    run = stopped(tmp_path / "run", monkeypatch, 9)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:3000])
    with pytest.raises(VisionfwError, match=r"checkpoint\.npz: cannot be gone on from"):
        train(replace(REQUEST, run_dir=str(run.folder)), quiet, resume=True)


def test_a_run_without_a_checkpoint_starts_from_its_first_step(whole, tmp_path, monkeypatch):
    run = stopped(tmp_path / "run", monkeypatch, 3)
    run.checkpoint.unlink()
    train(replace(REQUEST, run_dir=str(run.folder)), quiet, resume=True)
    for key, value in weights_of(whole).items():
        np.testing.assert_array_equal(weights_of(run)[key], value, err_msg=key)


def test_dropout_goes_on_with_its_own_random_numbers(tmp_path, monkeypatch):
    model = tmp_path / "dropping.py"
    model.write_text(
        "def dropping(*, scale=2):\n"
        "    return {'name': 'Dropping', 'scale': scale, 'conv': [(0, 1), (2, 3)], 'conv_par': [{'filters': 8}, {'filters': 12}],\n"
        "            'layer': [(1, 2), (3, 4)], 'layer_sub': ['Dropout', 'PixelShuffle'], 'layer_par': [{'rate': 0.5}, {'size': 2}]}\n"
    )
    request = replace(REQUEST, model=str(model), model_args=(), scale=2, run_dir=str(tmp_path / "whole"))
    expected = weights_of(train(request, quiet))
    keras.utils.set_random_seed(99)
    run = stopped(tmp_path / "run", monkeypatch, 11, request)
    made = weights_of(train(replace(request, run_dir=str(run.folder)), quiet, resume=True))
    for key, value in expected.items():
        np.testing.assert_array_equal(made[key], value, err_msg=key)


@pytest.mark.slow
def test_kill_9_at_any_moment_resumes_to_the_same_run(root, tmp_path):
    """The command is killed at random moments until a start gets through; the run that nothing stopped is the command's too, in the same threads."""
    flags = ["--model_args=blocks=1,filters=8", "--batch_size=4", "--patch_size=12", "--steps=24", "--validate_every=8", "--ema=0.9"]
    flags += ["--augment=dihedral,cutmix", "--warmup=4", "--precision=float32"]
    subprocess.run([sys.executable, str(root / "train.py"), *flags, "--run_dir=whole"], cwd=tmp_path, capture_output=True, check=True)
    moments = random.Random(0)
    command = [sys.executable, str(root / "train.py"), *flags, "--run_dir=run"]
    for _ in range(4):
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not (tmp_path / "run" / "checkpoint.npz").exists() and process.poll() is None:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 1.0))
        process.kill()
        text = process.communicate()[0]
        assert "Traceback" not in text
        command = [sys.executable, str(root / "train.py"), "--resume", "--run_dir=run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 or "is done" in done.stderr, done.stderr
    for key, value in weights_of(Run(tmp_path / "whole")).items():
        np.testing.assert_array_equal(weights_of(Run(tmp_path / "run"))[key], value, err_msg=key)
    again = subprocess.run([*command, "--learning_rate=0.5"], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 2
    assert "is done" in again.stderr
