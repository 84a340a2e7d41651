"""A member of every kind, added in one place outside the package and used by flags of the commands."""

import json
import sys

import pytest

PLUGIN = '''
import keras
import numpy as np
import visionfw as vf


@vf.register_layer
class HalfShift(keras.layers.Layer):
    """Adds a half."""

    def call(self, x):
        return x + 0.5


@vf.register_block
def stem(filters=4):
    return {"conv": [(0, 1)], "conv_par": [{"filters": filters}]}


@vf.register_loss
def power(reference, sr, *, exponent=1.5):
    return keras.ops.mean(keras.ops.abs(keras.ops.cast(reference, "float32") - keras.ops.cast(sr, "float32")) ** exponent, axis=(1, 2, 3))


@vf.register_metric(digits=1)
def largest_error(sr, hr):
    return float(np.abs(sr - hr).max())


@vf.register_sampler
class Stride:
    """Every few patches."""

    score = None

    def __init__(self, n, seed=0, *, step=2):
        self.n, self.step, self.start = n, step, 0

    def draw(self, k):
        ids = (self.start + self.step * np.arange(k)) % self.n
        self.start += 1
        return ids

    def update(self, ids, scores):
        raise AssertionError("it learns from nothing")

    def priority(self):
        return np.ones(self.n)

    def state(self):
        return {"start": self.start}

    def restore(self, state):
        self.start = state["start"]


@vf.register_optimizer(name="slow_sgd")
class SlowSGD(keras.optimizers.SGD):
    """SGD at a tenth."""

    def __init__(self, learning_rate, *, factor: float = 0.1, **settings):
        super().__init__(learning_rate, **settings)


@vf.register_degradation
def darken(image, *, by: float = 0.5):
    return (image * by).astype(np.uint8)


@vf.register_augmentation
def invert(lr, hr, *, random):
    return 255 - lr, 255 - hr
'''

MODEL = {
    "name": "plugged",
    "block": [[0, 1]],
    "block_sub": ["stem"],
    "layer": [[1, 2], [3, 4]],
    "layer_sub": ["HalfShift", "PixelShuffle"],
    "layer_par": [{}, {"size": 4}],
    "conv": [[2, 3]],
    "conv_par": [{"filters": 48}],
}


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VISIONFW_PLUGINS", raising=False)
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "plugged.json").write_text(json.dumps(MODEL))
    yield tmp_path
    monkeypatch.delenv("VISIONFW_PLUGINS", raising=False)
    sys.modules.pop("visionfw_plugin_mine", None)


def test_one_entry_for_each_kind_is_enough(command, plugged):
    status, _, errors = command(
        "train",
        "--plugins=mine.py",
        "--model=plugged.json",
        "--loss=l1+0.1*power:exponent=2",
        "--sampler=Stride:step=3",
        "--optimizer=slow_sgd",
        "--degradation=darken:by=0.9+bicubic",
        "--augment=dihedral,invert",
        "--steps=2",
        "--batch_size=2",
        "--patch_size=8",
        "--precision=float32",
        "--run_dir=run",
    )
    assert (status, errors) == (0, ""), errors
    config = json.loads((plugged / "run" / "run.json").read_text())["config"]
    assert config["loss"]["loss"] == "l1+0.1*power:exponent=2"
    assert config["sampler"]["sampler"] == "Stride:step=3"
    status, _, errors = command("evaluate", "--plugins=mine.py", "--run=run", "--metrics=psnr,largest_error", "--report=report.json")
    assert (status, errors) == (0, ""), errors
    assert json.loads((plugged / "report.json").read_text())["rows"][0]["largest_error"] > 0


def test_a_list_holds_what_was_registered(command, plugged):
    status, lines, _ = command("train", "--plugins=mine.py", "--list=losses")
    assert status == 0
    assert "power" in lines


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("--plugins=missing.py", "there is no such file"),
        ("--plugins=no_such_module_at_all", "name a .py file or an installed module"),
        ("--plugins=broken.py", "ValueError: not today"),
    ],
)
def test_a_plugin_that_fails_is_one_line(command, plugged, text, sentence):
    (plugged / "broken.py").write_text("raise ValueError('not today')")
    status, _, errors = command("train", text, "--steps=1")
    assert status == 2
    assert sentence in errors
    assert errors.count("\n") == 1


def test_an_option_that_is_given_twice_is_an_error_everywhere(command, plugged):
    for flag in (
        "--loss=mse_central:border=1,border=2",
        "--sampler=psnr_gain:bins=3,bins=4",
        "--optimizer=sgd:momentum=0.1,momentum=0.2",
        "--schedule=step:drops=1,drops=2",
        "--initializer=normal:stddev=1,stddev=2",
        "--degradation=blur:sigma=1,sigma=2+bicubic",
        "--noise_schedule=linear:steps=100,steps=200",
        "--model_args=blocks=1,blocks=2",
        "--layer_lr=a=1,a=2",
        "--feature_weights=vgg19=a,vgg19=b",
    ):
        status, _, errors = command("train", flag)
        assert (status, "twice" in errors) == (2, True), (flag, errors)
