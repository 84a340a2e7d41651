"""A matrix: checked before it starts, done cell by cell, killed, gone on with, never a cell twice."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from configs import training

from visionfw.cli.rank import run
from visionfw.config import RankRequest
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.files import read_image, write_image
from visionfw.ranking.grid import Grid, begin, open_grid
from visionfw.ranking.outcome import gather
from visionfw.ranking.ranking import write

SMALL = ["--model_args=blocks=1,filters=4", "--steps=4", "--validate_every=2", "--patch_size=12", "--batch_size=4", "--seeds=0,1"]


@pytest.fixture
def data(tmp_path, photograph):
    """Two training sets, a third that holds a crop of a test image, a broken one, and a small test set, which also validates."""
    cuts = {"A/1": (0, 0), "A/2": (0, 150), "B/1": (150, 0), "B/2": (150, 150), "T/1": (60, 250), "T/2": (200, 300)}
    for name, (row, column) in cuts.items():
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        write_image(path, photograph[row : row + 96, column : column + 100])
    for folder in ("C", "tiny"):
        (tmp_path / folder).mkdir()
    write_image(tmp_path / "tiny" / "1.png", photograph[:16, :16])
    write_image(tmp_path / "C" / "hidden.png", read_image(tmp_path / "T" / "1.png")[16:80, 20:90])
    return tmp_path


def flags(data, *more):
    return [*SMALL, f"--data_root={data}", "--val_data=T", "--test_sets=T", f"--out={data / 'out'}", *more]


def start(root, data, *more):
    return subprocess.Popen([sys.executable, "rank.py", *flags(data, *more)], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_and_gone_on_with_it_is_the_table_of_an_undisturbed_run(root, data, capsys):
    process = start(root, data, "--train_sets=A,B")
    first = data / "out" / "cells" / "1-A-seed0" / "result.json"
    while not first.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    matrix = open_grid(str(data / "out"))
    while any(cell.state() == "running" for cell in matrix.cells()):  # the cell under way is a process of its own and ends by itself
        time.sleep(0.2)
    before = {cell.folder: cell.result.read_text() for cell in matrix.cells() if cell.state() == "done"}
    assert 1 <= len(before) < 4
    run("rank.py", [f"--out={data / 'out'}", "--resume", "--jobs=2"])
    for folder, text in before.items():
        assert (folder / "result.json").read_text() == text
    resumed = gather(matrix).table()
    run("rank.py", [*flags(data, "--train_sets=A,B")[:-2], f"--out={data / 'whole'}", "--train_sets=A,B", "--jobs=2"])
    assert resumed == gather(open_grid(str(data / "whole"))).table()
    said = capsys.readouterr().out
    assert "| test set | A " in said
    page = (data / "out" / "ranking.html").read_text()
    assert "Is it real?" in page and page.count("<polyline") == 4
    report = json.loads((data / "out" / "ranking.json").read_text())
    assert {row["name"] for row in report["rows"]} == {"A", "B"}
    assert len(report["rows"]) == 4


@pytest.mark.slow
def test_a_failed_cell_says_why_and_the_others_go_on(data, capsys):
    train = training(model_args={"blocks": 1, "filters": 4}, steps=4, validate_every=2, patch_size=12, batch_size=4, val_data="T", data_root=str(data))
    request = RankRequest(train, train_sets=("A", "B", "C"), test_sets="T", seeds=(0,), out=str(data / "out"))
    matrix = begin(request)
    matrix.cell("C", 0).folder.mkdir(parents=True)
    matrix.cell("C", 0).run.write_text("something in the way")
    with pytest.raises(VisionfwError, match=r"1 of 3 runs are not done: C, seed 0 \(.*is a file.*\); --resume tries them again"):
        run("rank.py", [f"--out={data / 'out'}", "--resume", "--jobs=2"])
    said = capsys.readouterr().out
    assert "missing: C, seed 0: failed" in said
    assert "| test set | A " in said


def test_leakage_is_named_before_the_first_step_and_marked(data, capsys):
    run("rank.py", [*flags(data, "--train_sets=A,C"), "--dry_run"])
    said = capsys.readouterr().out
    assert "LEAKAGE: 1 images of C are in T (hidden.png of 1.png: cut from it at row 16, column 20)" in said
    assert "4 runs, about" in said
    assert not (data / "out").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--train_sets=A"], "one thing is ranked, several --train_sets, --models or --samplers; nothing has several names"),
        (["--train_sets=A,B", "--models=srcnn,vdsr"], "--train_sets and --models has several names"),
        (["--train_sets=A,A"], "--train_sets: 'A' is named twice"),
        (["--train_sets=A,Bb"], "Bb"),
        (["--train_sets=A,B", "--epochs=2"], "--epochs: larger sets would train for more steps"),
        (["--train_sets=A,B", "--test_sets=T,T"], "--test_sets: 'T' is named twice"),
        (["--train_sets=A,B", "--test_sets=T,tiny"], "tiny/1.png: 16 x 16 pixels are too few to be measured at x4"),
        (["--train_sets=A,B", "--batch_size=5000"], "--batch_size=5000: there are only"),
        (["--train_sets=A,B", "--seeds=0,x"], "--seeds=0,x: whole numbers, joined by commas"),
        (["--train_sets=A,B", "--equalize=pixels"], "--equalize: no equalize 'pixels'; did you mean 'images'?"),
        (["--train_sets=A,B", "--loss=l3"], "--loss: no loss 'l3'"),
        (["--train_sets=A,B", "--model=edrs"], "no model 'edrs'"),
        (["--train_sets=A", "--samplers=uniform;hardset"], "no sampler 'hardset'"),
        (["--train_sets=A,B", "--model=srcnn", "--models=srcnn,vdsr"], "--model and --models both name what is trained; give one"),
    ],
)
def test_a_wrong_request_is_told_before_anything_is_written(data, more, sentence):
    named = {entry.partition("=")[0] for entry in more} | ({"--steps"} if any("--epochs" in entry for entry in more) else set())
    given = [flag for flag in flags(data) if flag.partition("=")[0] not in named]
    with pytest.raises(RequestError) as error:
        run("rank.py", [*given, *more])
    assert sentence in str(error.value)
    assert not (data / "out").exists()


def test_going_on_takes_no_other_flags(data):
    with pytest.raises(RequestError, match="--steps: a ranking goes on as it was begun"):
        run("rank.py", [f"--out={data / 'out'}", "--resume", "--steps=9"])
    with pytest.raises(RequestError, match="--resume: there is no ranking in"):
        run("rank.py", [f"--out={data / 'out'}", "--resume"])


def invented(folder, gains):
    """A matrix whose results are invented: name -> seed -> image gains."""
    names, seeds = tuple(gains), tuple(next(iter(gains.values())))
    request = RankRequest(training(), train_sets=names, test_sets="T", seeds=seeds, out=str(folder))
    matrix = begin(request)
    for cell in matrix.cells():
        values = gains[cell.name][cell.seed]
        per_image = [{"dataset": "T", "image": str(n), "gain": gain, "psnr": 30 + gain, "ssim": 0.9} for n, gain in enumerate(values)]
        cost = {"parameters": 5, "multiply_adds": 7e9, "seconds_per_step": 0.1, "seconds_per_image": 0.2, "peak_bytes": 2**30, "type": 2}
        cell.folder.mkdir(parents=True)
        cell.result.write_text(json.dumps({"steps": 9, "rows": [{"dataset": "T"}], "per_image": per_image, "protocol": {"crop": 4}, "cost": cost}))
    return matrix


def test_the_table_is_the_originals(tmp_path, monkeypatch):
    matrix = invented(tmp_path / "x", {"A": {0: [1.0, 2.0], 1: [1.2, 2.2]}, "B": {0: [2.0, 3.0], 1: [2.0, 3.0]}, "C": {0: [0.0, 0.0], 1: [0.0, 0.0]}})
    outcome = gather(matrix)
    row, overall = outcome.table()
    assert (row["test set"], row["best"]) == ("T", "B")
    assert row["A"] == f"+1.600 \u00b1 {np.std([1.5, 1.7], ddof=1):.3f}"
    assert row["min diff"] == pytest.approx(2.5 - 1.6)
    assert overall["min diff"] == pytest.approx(row["min diff"])
    assert [standing["name"] for standing in outcome.standings()] == ["B", "A", "C"]
    assert outcome.costs[0]["ms a step"] == 100.0
    assert outcome.stability("T") == 1


def test_names_with_missing_seeds_are_left_out_and_said(tmp_path):
    matrix = invented(tmp_path / "x", {"A": {0: [1.0], 1: [1.0]}, "B": {0: [2.0], 1: [2.0]}, "C": {0: [3.0], 1: [3.0]}})
    matrix.cell("C", 1).result.unlink()
    outcome = gather(matrix)
    assert outcome.names == ("A", "B")
    assert outcome.missing == ("C, seed 1: to do",)
    matrix.cell("B", 1).result.unlink()
    assert gather(matrix) is None


def test_a_cell_is_held_by_one_process(tmp_path):
    matrix = invented(tmp_path / "x", {"A": {0: [1.0]}, "B": {0: [2.0]}})
    cell = matrix.cell("A", 0)
    assert cell.state() == "done"
    cell.result.unlink()
    assert cell.state() == "to do"
    with cell.held() as is_mine:
        assert is_mine
        assert cell.state() == "running"
        with cell.held() as again:
            assert not again
    cell.reason.write_text('{"reason": "no space"}')
    assert (cell.state(), cell.why()) == ("failed", "no space")


def test_a_request_survives_its_record(tmp_path):
    request = RankRequest(training(steps=5, model_args={"kernels": (9, 1, 7)}), train_sets=("A+B", "C"), test_sets="T", seeds=(3,), out=str(tmp_path / "x"))
    matrix = begin(request)
    assert open_grid(str(tmp_path / "x")).request == matrix.request
    assert matrix.request.of("A+B", 3).train_data == "A,B"
    assert isinstance(matrix, Grid) and callable(write) and Path(matrix.folder).is_dir()
    with pytest.raises(RequestError, match="holds a ranking already; --resume goes on with it"):
        begin(request)
