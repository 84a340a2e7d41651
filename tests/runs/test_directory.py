"""Run directories: one owner each, found by name or as the latest one with weights."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from visionfw.errors import RequestError, VisionfwError
from visionfw.runs import directory as runs
from visionfw.runs.directory import Run

CREATE = """
import sys, time
from visionfw.errors import RequestError
from visionfw.runs import directory
time.sleep(max(0, float(sys.argv[1]) - time.time()))  # all at once
try:
    print(directory.create(sys.argv[2] or None, "x", {"request": {"seed": 5}}).folder)
except RequestError as error:
    print(error)
"""


def created_together(root, folder, count):
    """Return what processes print that create a run directory at the same time."""
    start = str(time.time() + 1.5)
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", CREATE, start, folder]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(count)]
    return [process.communicate()[0].strip() for process in processes]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_runs_that_start_together_get_a_directory_each(root, here):
    assert sorted(created_together(root, "", 6)) == [f"runs/x-{number}" for number in range(1, 7)]


def test_one_of_the_runs_that_start_together_in_a_folder_gets_it(root, here):
    (here / "named").mkdir()
    answers = sorted(created_together(root, "named", 4), key=len)
    assert answers[0] == "named"
    assert all(answer.startswith("--run_dir: named holds a run already") for answer in answers[1:])


def test_a_run_is_recorded_from_its_first_moment(here):
    run = runs.create("x", "", {"request": {"steps": 5}, "data": {"images": 3}})
    assert [path.name for path in run.folder.iterdir()] == ["run.json"]
    record = run.read()
    assert record["request"] == run.read_request() == {"steps": 5}
    assert record["data"] == {"images": 3}
    assert record["state"] == "started"


def test_a_record_without_a_request_is_reported(here):
    with pytest.raises(VisionfwError, match=r"run\.json: holds no request, so the run cannot be resumed; start it again in another folder"):
        runs.create("x", "").read_request()


@pytest.mark.parametrize(("content", "sentence"), [("run.json", "holds a run already"), ("notes.txt", "exists and is not empty")])
def test_a_folder_with_something_in_it_is_refused(here, content, sentence):
    (here / "x").mkdir()
    (here / "x" / content).write_text("{}")
    with pytest.raises(RequestError, match=f"--run_dir: x {sentence}; name another folder, or remove it"):
        runs.create("x", "")


def test_a_file_is_no_run_directory(here):
    (here / "x").write_text("")
    with pytest.raises(RequestError, match="--run_dir: x is a file"):
        runs.create("x", "")
    with pytest.raises(VisionfwError, match="x/y: cannot be written: Not a directory"):
        runs.create("x/y", "")


def test_a_runs_folder_that_is_a_file_is_reported(here):
    (here / "runs").write_text("")
    with pytest.raises(VisionfwError, match="runs: cannot be written: File exists"):
        runs.create(None, "x")


def run_of(name, has_weights=True, state="done"):
    run = runs.create(f"runs/{name}", "", {"state": state})
    if has_weights:
        run.best.write_bytes(b"weights")
    return run


def test_latest_is_the_last_started_run_with_weights(here):
    run_of("z-first")
    run_of("a-second")
    run_of("m-third", has_weights=False, state="failed")
    assert runs.find("latest").folder == Path("runs/a-second")


def test_writing_to_an_older_run_does_not_make_it_the_latest(here):
    older, _ = run_of("older"), run_of("newer")
    older.update(best={"step": 5})
    os.utime(older.record, (time.time() + 100, time.time() + 100))
    assert runs.find("latest").folder == Path("runs/newer")


def test_a_damaged_record_of_another_run_is_no_hindrance(here):
    run_of("good")
    run_of("bad").record.write_text("{")
    assert runs.find("latest").folder == Path("runs/good")
    assert run_of("ugly", state="interrupted").folder == runs.find_unfinished().folder


def test_times_with_other_offsets_are_compared_as_moments(here):
    run_of("earlier").update(started="2026-03-01T12:00:00+02:00")
    run_of("later").update(started="2026-03-01T11:00:00+00:00")
    assert runs.find("latest").folder == Path("runs/later")


def test_the_run_to_resume_is_the_last_unfinished_one(here):
    run_of("interrupted", has_weights=False, state="interrupted")
    run_of("done")
    assert runs.find_unfinished().folder == Path("runs/interrupted")
    assert runs.find_unfinished("runs/interrupted").folder == Path("runs/interrupted")
    with pytest.raises(RequestError, match="--resume: the run in runs/done is done"):
        runs.find_unfinished("runs/done")


def test_a_run_that_is_not_there_is_reported_with_the_nearest_name(here):
    run_of("edsr-2")
    with pytest.raises(RequestError, match="no run in runs/edsr-3; did you mean 'runs/edsr-2'"):
        runs.find("runs/edsr-3")
    with pytest.raises(RequestError, match=r"no run in nowhere/x$"):
        runs.find("nowhere/x")


def test_without_runs_there_is_no_latest_one(here):
    with pytest.raises(RequestError, match="no run with weights in runs; name a run's folder"):
        runs.find("latest")
    with pytest.raises(RequestError, match="no unfinished run in runs"):
        runs.find_unfinished()


def test_only_the_first_of_several_processes_writes_runs(here, monkeypatch):
    assert runs.is_writer()
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "1")
    assert not runs.is_writer()
    (here / "x").mkdir()
    (here / "x" / "run.json").write_text("{}")
    runs.refuse_taken(Path("x"))
    assert Run(Path("x")).record.exists()
