"""Rankings by the command: checked before they start, done job by job, killed, resumed, never a job twice."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from rankings import ranking, write_result

from visionfw.cli.rank import run
from visionfw.errors import RequestError, VisionfwError
from visionfw.imaging.files import read_image, write_image
from visionfw.ranking.grid import create_grid, open_grid
from visionfw.ranking.job import JobState
from visionfw.ranking.results import collect_results

SMALL = ["--model_args=blocks=1,filters=4", "--steps=4", "--validate_every=2", "--patch_size=12", "--batch_size=4", "--seeds=0,1"]


@pytest.fixture
def data(tmp_path, photograph):
    """Two training sets, a third that holds a crop of a test image, a set of tiny images, and a small test set, which also validates."""
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


def flags(data, *more, out="out"):
    return [*SMALL, f"--data_root={data}", "--val_data=T", "--test_sets=T", f"--out={data / out}", *more]


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_table_of_an_undisturbed_ranking(root, data, capsys):
    command = [sys.executable, "rank.py", *flags(data, "--train_sets=A,B")]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = data / "out" / "jobs" / "1-A-seed0" / "result.json"
    while not first.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    grid = open_grid(str(data / "out"))
    while any(job.state() is JobState.RUNNING for job in grid.jobs()):  # the running job is a process of its own and ends by itself
        time.sleep(0.2)
    before = {job.result_file: job.result_file.read_text() for job in grid.jobs() if job.state() is JobState.DONE}
    assert 1 <= len(before) < 4
    run("rank.py", [*flags(data, "--train_sets=A,B"), "--resume", "--jobs=2"])
    for file, text in before.items():
        assert file.read_text() == text
    resumed = collect_results(grid).table()
    run("rank.py", flags(data, "--train_sets=A,B", "--jobs=2", out="whole"))
    assert resumed == collect_results(open_grid(str(data / "whole"))).table()
    assert "| test set | A " in capsys.readouterr().out
    assert (data / "out" / "ranking.html").read_text().count("<polyline") == 4
    report = json.loads((data / "out" / "ranking.json").read_text())
    assert {row["name"] for row in report["rows"]} == {"A", "B"}


@pytest.mark.slow
def test_a_failed_job_says_why_and_the_others_go_on(data, capsys):
    small = {"model_args": {"blocks": 1, "filters": 4}, "steps": 4, "validate_every": 2, "patch_size": 12, "batch_size": 4}
    sets = {"train_sets": "A,B,C", "test_sets": "T", "val_data": "T", "data_root": str(data)}
    grid = create_grid(ranking(**small, **sets, seeds="0", out=str(data / "out")))
    grid.job("C", 0).folder.mkdir(parents=True)
    grid.job("C", 0).run.write_text("something in the way")
    with pytest.raises(VisionfwError, match=r"1 of 3 jobs are not done: C, seed 0 \(failed: .*is a file.*\); --resume tries them again"):
        run("rank.py", [f"--out={data / 'out'}", "--resume", "--jobs=2"])
    text = capsys.readouterr().out
    assert "missing: C, seed 0: failed" in text
    assert "| test set | A " in text


def test_a_dry_run_names_leakage_and_jobs_and_writes_nothing(data, capsys, monkeypatch):
    monkeypatch.setenv("VISIONFW_CACHE", str(data / "cache"))
    monkeypatch.chdir(data)
    before = sorted(data.rglob("*"))
    run("rank.py", [*flags(data, "--train_sets=A,C"), "--equalize=patches", "--dry_run"])
    text = capsys.readouterr().out
    assert "LEAKAGE: images shared by C and T: 1 (hidden.png of 1.png: cut from it at row 16, column 20)" in text
    assert "every training set gives" in text
    assert "4 jobs, about" in text and "nothing was written" in text
    assert sorted(data.rglob("*")) == before


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
        (["--train_sets=A,B", "--seeds=0,x"], "--seeds=0,x: must be whole numbers of at least 0, joined by commas"),
        (["--train_sets=A,B", "--equalize=pixels"], "--equalize: no equalize 'pixels'; did you mean 'images'?"),
        (["--train_sets=A,B", "--loss=l3"], "--loss: no loss 'l3'"),
        (["--train_sets=A,B", "--model=edrs"], "no model 'edrs'"),
        (["--train_sets=A,B", "--engine=rai"], "--engine: no engine 'rai'; did you mean 'ray'?"),
        (["--train_sets=A", "--samplers=uniform;hardset"], "no sampler 'hardset'"),
        (["--train_sets=A", "--model=srcnn", "--models=srcnn,vdsr"], "--model and --models both name what is trained; give one"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(data, more, sentence):
    named = {entry.partition("=")[0] for entry in more} | ({"--steps"} if any("--epochs" in entry for entry in more) else set())
    given = [flag for flag in flags(data) if flag.partition("=")[0] not in named]
    with pytest.raises(RequestError) as error:
        run("rank.py", [*given, *more])
    assert sentence in str(error.value)
    assert not (data / "out").exists()


def test_a_test_set_named_all_is_refused(data):
    os.rename(data / "T", data / "all")
    with pytest.raises(RequestError, match="--test_sets: 'all' is the name of the tables' last row; rename the folder"):
        run("rank.py", [*SMALL, f"--data_root={data}", "--val_data=all", "--test_sets=all", f"--out={data / 'out'}", "--train_sets=A,B"])


def test_a_resumed_ranking_takes_the_flags_it_was_begun_with_and_no_others(data, capsys):
    out = f"--out={data / 'out'}"
    with pytest.raises(RequestError, match="--resume: there is no ranking in"):
        run("rank.py", [out, "--resume"])
    settings = {"train_sets": "A,B", "test_sets": "T", "seeds": "0,1", "steps": 4, "data_root": str(data)}
    grid = create_grid(ranking(**settings, max_patches=77, out=str(data / "out")), settings=ranking(**settings, out="out"))
    with pytest.raises(RequestError, match=r"--steps=9: the ranking in .* was started with 4; leave the flag out"):
        run("rank.py", [out, "--resume", "--train_sets=A,B", "--seeds=0,1", "--steps=9"])
    for job in grid.jobs():
        write_result(job, [1.0 if job.name == "A" else 2.0])
    (data / "A" / "2.png").unlink()  # the page shows a sample of a set as it is now
    run("rank.py", [out, "--resume", "--train_sets=A,B", "--seeds=0,1", "--steps=4", f"--data_root={data}", "--jobs=2"])
    assert "4 done" in capsys.readouterr().out
