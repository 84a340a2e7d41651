"""Several devices and several processes train as one does on the whole batch."""

import csv
import importlib.util
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from visionfw.errors import RequestError
from visionfw.imaging.files import write_image
from visionfw.training.parallel import Parallel, start

FLAGS = [
    "--steps=6",
    "--validate_every=3",
    "--batch_size=4",
    "--model_args=blocks=1,filters=8",
    "--patch_size=12",
    "--sampler=psnr_gain",
    "--round_patches=8",
    "--optimizer=adam",
    "--precision=float32",
]


def test_processes_share_a_batch_without_gap_or_overlap():
    shares = [Parallel(None, 3, process).share(12) for process in range(3)]
    np.testing.assert_array_equal(np.concatenate([np.arange(12)[share] for share in shares]), np.arange(12))
    assert Parallel().share(7) == slice(0, 7)


def test_another_backend_is_refused():
    with pytest.raises(RequestError, match="--devices: several devices need the JAX backend"):
        start(2, 8)
    assert start(1, 8) == Parallel()


def command(root, folder, process=None, count=1, port=0, *more):
    """Start a training that validates on one small image."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": ""}
    if process is not None:
        environment |= {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
            "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
            "KERAS_DISTRIBUTION_PROCESS_ID": str(process),
        }
    arguments = [sys.executable, "train.py", *FLAGS, f"--val_data={folder.parent / 'images'}", f"--run_dir={folder}", *more]
    return subprocess.Popen(arguments, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def history(folder):
    with (folder / "history.csv").open() as lines:
        return [{key: float(value) for key, value in row.items() if key != "seconds"} for row in csv.DictReader(lines)]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_two_devices_and_two_processes_equal_one(root, tmp_path, photograph):
    (tmp_path / "images").mkdir()
    write_image(tmp_path / "images" / "one.png", photograph[:60, :72])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = [command(root, tmp_path / "processes", process, 2, port) for process in range(2)]
    outputs = [finished(process) for process in pair]
    finished(command(root, tmp_path / "one"))
    finished(command(root, tmp_path / "devices", None, 1, 0, "--devices=2"))
    expected = history(tmp_path / "one")
    assert len(expected) == 2
    for folder in ("processes", "devices"):
        for ours, theirs in zip(history(tmp_path / folder), expected, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-5)
    assert "best validation" in outputs[0]
    assert "validation" not in outputs[1]  # the second process neither writes a run nor prints


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_a_batch_that_cannot_be_split_is_refused(root, tmp_path, image_folder):
    process = command(root, tmp_path / "run", None, 1, 0, "--devices=3")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "error: --batch_size=4 cannot be split among 3 devices; it must be a multiple" in output
