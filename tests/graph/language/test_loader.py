"""A model's name or file -> its dictionary."""

import json

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
def test_json_that_is_none_is_told(tmp_path, text, sentence):
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
def test_a_wrong_file_is_told(tmp_path, text, sentence):
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
    ],
)
def test_arguments_are_literals_or_words(text, expected):
    assert models.parse_arguments(text) == expected


def test_summaries_need_no_import(tmp_path):
    assert models.summary("srresnet").startswith("SRResNet: sixteen residual blocks")
