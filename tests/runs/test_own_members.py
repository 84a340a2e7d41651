"""Layers of the user's own in a model file: trained with, remembered by the run, and called for by name where they are missing."""

import json
import os
import sys

import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.graph.checking.check import examine
from visionfw.graph.language.blocks import BLOCKS
from visionfw.layers import LAYERS
from visionfw.runs.own_members import own_members

SWIRL = '''"""A model with a layer of its own."""
import keras
import visionfw as vf


@vf.register_layer
class Swirl(keras.layers.Layer):
    """Multiplies by a number."""

    def __init__(self, angle=1.0, **kwargs):
        super().__init__(**kwargs)
        self.angle = angle

    def call(self, x):
        return x * self.angle

    def get_config(self):
        return super().get_config() | {"angle": self.angle}


@vf.register_block
def swirled(filters=4):
    return {"links": [(0, ["Conv2D", "Swirl"], "out")], "defaults": {"conv": {"filters": filters}}}


def swirl(*, scale=2):
    return {"name": "Swirl", "scale": scale, "links": [(0, ["swirled", ("Conv2D", {"filters": 3 * scale**2}), ("PixelShuffle", {"size": scale})], "sr")]}
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VISIONFW_PLUGINS", raising=False)
    (tmp_path / "swirl.py").write_text(SWIRL)
    return tmp_path


def forget():
    """Stand for another process, in which nothing of the user's own is registered."""
    os.environ.pop("VISIONFW_PLUGINS", None)
    for name in [name for name in sys.modules if name.startswith("visionfw_plugin_")]:
        del sys.modules[name]
    LAYERS.remove("Swirl")
    BLOCKS.remove("swirled")


def test_a_model_file_may_be_run_again_also_as_a_plugin(folder):
    from visionfw.io.plugins import load_plugins

    for _ in range(2):
        vf.check(vf.definition("swirl.py"))
    load_plugins(["--plugins=swirl.py"])
    vf.check(vf.definition("swirl.py"))


def test_another_file_cannot_take_a_layers_name(folder):
    vf.definition("swirl.py")
    (folder / "other.py").write_text(SWIRL.replace("def swirl(", "def other("))
    with pytest.raises(RequestError, match="a layer 'Swirl' is registered already; choose another name"):
        vf.definition("other.py")


def test_members_of_ones_own_are_found_with_their_file(folder):
    assert own_members(examine(vf.definition("swirl.py"))) == {"Swirl": str(folder / "swirl.py"), "swirled": str(folder / "swirl.py")}
    assert own_members(examine(vf.definition("edsr_small", blocks=1))) == {}


def train(command):
    flags = ["--model=swirl.py", "--scale=2", "--steps=1", "--batch_size=2", "--patch_size=8", "--precision=float32", "--run_dir=run"]
    status, _, errors = command("train", *flags)
    assert (status, errors) == (0, ""), errors


def evaluate(command, *flags):
    status, _, errors = command("evaluate", "--run=run", *flags)
    return status, errors.strip()


def test_a_run_remembers_where_its_layers_come_from_and_keeps_a_copy(command, folder):
    train(command)
    assert evaluate(command) == (0, "")
    source = str(folder / "swirl.py")
    assert json.loads((folder / "run" / "run.json").read_text())["registered"] == {"Swirl": source, "swirled": source}
    assert (folder / "run" / "sources" / "swirl.py").read_text() == SWIRL

    forget()
    status, error = evaluate(command)
    assert (status, error) == (2, f"error: run run: its model uses 'Swirl' and 'swirled', which a file of yours registers: --plugins={source}"), error
    with pytest.raises(RequestError, match="which a file of yours registers"):
        vf.load("run")
    status, _, errors = command("train", "--init_from=run", "--steps=1")
    assert (status, errors.strip()) == (2, error)

    (folder / "swirl.py").unlink()
    status, error = evaluate(command)
    assert status == 2
    assert error.endswith(f"--plugins=run/sources/swirl.py ({source} is gone; this is the run's copy)")
    assert evaluate(command, "--plugins=run/sources/swirl.py") == (0, "")

    forget()
    (folder / "run" / "sources" / "swirl.py").unlink()
    status, error = evaluate(command)
    assert error.endswith(f"which was registered by {source}, which is gone; register it again, by a file named with --plugins")
