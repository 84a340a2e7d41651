"""A model's name or file -> its dictionary."""

import json

import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.graph.language import loader as models

PLAIN = {"name": "Plain", "conv": [[0, 1]], "conv_par": {"filters": 3}}


def test_names_are_files_and_the_working_directorys_come_first(tmp_path, monkeypatch):
    (tmp_path / "model_defs").mkdir()
    (tmp_path / "model_defs" / "edsr.py").write_text('edsr = {"name": "Mine", "conv": [(0, 1)]}')
    assert vf.definition("edsr")["name"] == "EDSR"
    monkeypatch.chdir(tmp_path)
    assert vf.definition("edsr")["name"] == "Mine"
    assert {"edsr", "srresnet"} <= set(models.names())


def test_a_json_file_is_a_model(tmp_path):
    (tmp_path / "plain.json").write_text(json.dumps(PLAIN))
    assert vf.definition(str(tmp_path / "plain.json")) == PLAIN
    with pytest.raises(RequestError, match="a JSON file takes no arguments, but blocks is given"):
        vf.definition(str(tmp_path / "plain.json"), blocks=3)


@pytest.mark.parametrize(("text", "sentence"), [("{", "not readable as JSON"), ("[1]", "holds list, not a dictionary")])
def test_json_that_is_none_is_reported(tmp_path, text, sentence):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RequestError, match=sentence):
        vf.definition(str(tmp_path / "x.json"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1 / 0", r"x\.py, line 1: ZeroDivisionError: division by zero"),
        ("y = 1", "holds neither a function that returns a dictionary nor a dictionary with a 'name'"),
        ("def x(): return 3", r"x\(\) returned int, not a dictionary"),
        ("def x(*, size): return {}", "needs size; give it in --model_args"),
        ("def x(*, size=1): raise ValueError('size is odd')", "size is odd"),
    ],
)
def test_a_wrong_file_is_reported(tmp_path, text, sentence):
    (tmp_path / "x.py").write_text(text)
    with pytest.raises(RequestError, match=sentence):
        models.load(str(tmp_path / "x.py"))


def test_the_runs_scale_is_passed_on_and_must_agree():
    assert models.load("edsr", {}, scale=3).dictionary["scale"] == 3
    with pytest.raises(RequestError, match="its arguments say scale=2, the run 4"):
        models.load("edsr", {"scale": 2}, scale=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("blocks=8,filters=32", {"blocks": 8, "filters": 32}),
        ("kernels=[9,1,5],color=rgb", {"kernels": [9, 1, 5], "color": "rgb"}),
        ("filters=(64,32), residual_scale=0.1, on=true", {"filters": (64, 32), "residual_scale": 0.1, "on": True}),
        ("x=[(1,2),(3,4)]", {"x": [(1, 2), (3, 4)]}),
        ("names='a,b',colors=[red,'light blue']", {"names": "a,b", "colors": ["red", "light blue"]}),
        ("sizes={'a': [1, 2], 'b': -3}, nothing=None", {"sizes": {"a": [1, 2], "b": -3}, "nothing": None}),
        ("file=models/x.h5,kind=patch-gan", {"file": "models/x.h5", "kind": "patch-gan"}),
    ],
)
def test_arguments_are_literals_or_words(text, expected):
    assert models.parse_arguments(text) == expected


@pytest.mark.parametrize("text", ["blocks", "3", "a=1 b", "a=1) or f(b=2", "a=1)(b=2", "a=1), f(b=2", "**{'a': 1}", "*[1]", "a=1, 2", "(" * 5000])
def test_what_is_no_list_of_arguments_is_refused(text):
    with pytest.raises(RequestError, match=r"--model_args: .* is not KEY=VALUE"):
        models.parse_arguments(text)


def test_an_argument_given_twice_is_refused():
    with pytest.raises(RequestError, match="--discriminator_args: 'filters' is given twice"):
        models.parse_arguments("filters=1,dense=2,filters=3", "discriminator_args")


def test_arguments_are_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "open('harm', 'w').close()"
    assert models.parse_arguments(f"x={text}") == {"x": text}
    assert not (tmp_path / "harm").exists()


def test_summaries_need_no_import(tmp_path):
    assert models.summary("srresnet").startswith("SRResNet: sixteen residual blocks")


def test_a_file_with_postponed_annotations_and_a_dataclass_is_a_model(tmp_path):
    import sys

    (tmp_path / "typed.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Size:\n    filters: int = 3\n\n"
        "def typed(*, scale=1):\n    @dataclass\n    class Inner(Size):\n        scale: int = 1\n"
        "    return {'name': 'Typed', 'scale': scale, 'conv': [(0, 1)], 'conv_par': {'filters': Inner().filters}}\n"
    )
    before = set(sys.modules)
    assert vf.definition(str(tmp_path / "typed.py"))["conv_par"] == {"filters": 3}
    assert not {name for name in set(sys.modules) - before if "typed" in name}


def test_a_file_of_the_working_directory_that_runs_for_a_name_is_reported(tmp_path, monkeypatch):
    (tmp_path / "model_defs").mkdir()
    for name in ("edsr", "mine"):
        (tmp_path / "model_defs" / f"{name}.py").write_text(f'{name} = {{"name": "Mine", "conv": [(0, 1)]}}')
    assert models.load("edsr").note == ""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model_defs"
    assert models.load("edsr").note == f"model edsr: {folder / 'edsr.py'} is used instead of the installed model of that name"
    assert models.load("mine").note == f"model mine: {folder / 'mine.py'} is used"
    assert models.load(str(folder / "edsr.py")).note == models.load("srresnet").note == ""


@pytest.mark.parametrize(
    "links",
    [
        '"block": [(0, 1)], "block_sub": ["body"]',
        '"block": [(0, 1)], "block_sub": "body"',
        '"links": [["block", [0], 1, "body", {}]]',
        '"links": [["block", [0], 1, body, {}]]',
        '"links": [(0, "body", 1)]',
        '"links": [(0, ["Identity", "body"], 1)]',
        '"block": [(0, 1)], "block_sub": "outer", "blocks": {"outer": {"block": [(0, 1)], "block_sub": "body"}}',
    ],
)
def test_functions_that_any_spelling_names_as_blocks_come_with_the_definition(links, tmp_path):
    (tmp_path / "own.py").write_text(f"def body(tensors):\n    return tensors[0] * 2\n\nown = {{'name': 'Own', {links}}}\n")
    dictionary = vf.definition(f"{tmp_path / 'own.py'}:own")
    x = np.random.default_rng(0).random((1, 4, 5, 3), np.float32)
    np.testing.assert_allclose(vf.build(dictionary)(x), 2 * x)
