"""The slides' dictionaries, typed in as they stand, build and train."""

import json
from pathlib import Path

import numpy as np
import pytest
from configs import training

import visionfw as vf
from visionfw.graph.build import compile_model
from visionfw.graph.checking.check import examine
from visionfw.graph.language import loader as models

SLIDES = Path(__file__).parents[1] / "support" / "slides.py"


@pytest.mark.parametrize("name", ["VDSR", "SRResNet"])
def test_they_build_from_their_file(name):
    source = models.load(f"{SLIDES}:{name}")
    model = compile_model(examine(source.dictionary, 4, source.functions))
    assert model(np.zeros((1, 9, 7, 3), np.float32)).shape == (1, 36, 28, 3)


def test_a_definition_of_a_file_brings_the_files_functions():
    assert vf.build(vf.definition(f"{SLIDES}:VDSR"), scale=2)(np.zeros((1, 9, 7, 3), np.float32)).shape == (1, 18, 14, 3)


def test_they_build_in_a_notebook_where_they_are_typed():
    namespace = {"__name__": "__main__", "vf": vf}
    exec(compile(SLIDES.read_text(), str(SLIDES), "exec"), namespace)
    exec("model = vf.build(SRResNet, functions=globals()); text = vf.describe(VDSR, functions=globals()); normal = vf.canonicalize(SRResNet)", namespace)
    assert namespace["model"].get_layer("block_3-conv2d").filters == 64
    assert "vdsr_last_block" in namespace["text"]
    assert vf.canonicalize(json.loads(json.dumps(namespace["normal"]))) == namespace["normal"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["VDSR", "SRResNet"])
def test_they_train_and_their_run_loads_without_their_code(name, tmp_path, image_folder):
    from visionfw.training.fit import train

    request = training(
        model=f"{SLIDES}:{name}", train_data=str(image_folder), val_data=str(image_folder), steps=4, batch_size=2, patch_size=8, run_dir=str(tmp_path / "run")
    )
    run = train(request, log=lambda line: None)
    loaded = vf.load(run.folder)
    assert loaded(np.zeros((1, 8, 8, 3), np.float32)).shape == (1, 32, 32, 3)


def test_a_file_of_several_dictionaries_asks_for_one():
    with pytest.raises(vf.VisionfwError, match=r"holds several \(SRResNet, VDSR\); name one as .*slides\.py:SRResNet"):
        models.load(str(SLIDES))
