"""The README's way, by its commands: a model dropped in trains by its name, goes on, is evaluated, and enlarges an image."""

import pytest
from runs import assert_same_weights, ctrl_c_after

from visionfw.imaging.files import read_image, write_image
from visionfw.runs.directory import Run

FLAGS = ("--model=tiny", "--model_args=filters=8", "--steps=12", "--validate_every=6", "--patch_size=12", "--batch_size=4", "--precision=float32")


@pytest.fixture
def tiny(root, tmp_path, monkeypatch):
    """A working directory with the README's model in it."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    (tmp_path / "model_defs").mkdir()
    (tmp_path / "model_defs" / "tiny.py").write_text(readme.partition("```python\ndef tiny")[2].partition("```")[0].join(["def tiny", ""]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_dropped_in_is_trained_resumed_evaluated_and_used(command, tiny, photograph):
    assert_ends_well(command("train", *FLAGS, "--run_dir=whole"), "Tiny x4")
    with ctrl_c_after(7):
        assert command("train", *FLAGS, "--run_dir=run").status == 130
    assert_ends_well(command("train", "--resume", "--run_dir=run"), "resuming at step 7 of 12")
    assert_same_weights(Run(tiny / "run"), Run(tiny / "whole"))

    assert_ends_well(command("evaluate", "--run=run", "--report=out.json"), "| Tiny  | embedded/test |     4 |      2 |")
    weights = ("--model=tiny", "--model_args=filters=8", "--weights=run/best.weights.h5", "--scale=4")
    assert_ends_well(command("evaluate", *weights), "Tiny")

    write_image(tiny / "photo.png", photograph[:30, :41])
    assert_ends_well(command("evaluate", "--run=run", "--images=photo.png", "--out=large"), "1 image upscaled")
    assert read_image(tiny / "large" / "photo.png").shape == (120, 164, 3)


def assert_ends_well(ended, line):
    assert (ended.status, ended.errors) == (0, "")
    assert line in ended.output
