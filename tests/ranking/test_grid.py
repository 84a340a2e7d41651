"""A ranking on disk: its jobs, its settings, and what may differ when it is resumed."""

import json
import os
from pathlib import Path

import pytest
import rankings

from visionfw.errors import RequestError
from visionfw.ranking.config import ExecutionConfig
from visionfw.ranking.grid import create_grid, open_grid, read_settings


def ranking(tmp_path, **flags):
    return rankings.ranking(**{"train_sets": "A+B,C", "test_sets": "T", "seeds": "3,7", "steps": 5, "out": str(tmp_path / "out")} | flags)


def test_there_is_a_job_for_every_name_and_seed_seed_by_seed(tmp_path):
    jobs = create_grid(ranking(tmp_path)).jobs()
    assert [(job.name, job.seed) for job in jobs] == [("A+B", 3), ("C", 3), ("A+B", 7), ("C", 7)]
    assert [job.folder.relative_to(tmp_path / "out") for job in jobs[:2]] == [Path("jobs/1-A_B-seed3"), Path("jobs/2-C-seed3")]


def test_names_that_differ_in_signs_alone_have_folders_of_their_own(tmp_path):
    grid = create_grid(ranking(tmp_path, train_sets="../a b,.._a_b"))
    folders = {job.folder for job in grid.jobs()}
    assert len(folders) == 4
    assert all(folder.resolve().parent == tmp_path / "out" / "jobs" for folder in folders)


def test_a_request_survives_its_record(tmp_path):
    grid = create_grid(ranking(tmp_path, model_args={"kernels": (9, 1, 7)}))
    again = open_grid(str(tmp_path / "out")).config
    assert (again.comparison, again.train) == (grid.config.comparison, grid.config.train)
    assert grid.config.request_for("A+B", 3).data.train == "A,B"
    assert grid.config.request_for("A+B", 3).runtime.seed == 3


def test_jobs_may_be_done_in_another_way_than_before(tmp_path):
    create_grid(ranking(tmp_path, jobs=2))
    assert open_grid(str(tmp_path / "out"), ExecutionConfig(out="x", jobs=4)).config.execution.jobs == 4


def test_the_settings_are_those_that_the_user_wrote(tmp_path):
    create_grid(ranking(tmp_path, max_patches=77), settings=ranking(tmp_path))  # a limit that --equalize derived
    assert read_settings(str(tmp_path / "out")).train.data.max_patches == ranking(tmp_path).train.data.max_patches
    assert open_grid(str(tmp_path / "out")).config.train.data.max_patches == 77


def test_paths_mean_the_same_in_every_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "data").mkdir()
    create_grid(ranking(tmp_path, model="mine.py", data_root="data", cache_dir="cache"))
    monkeypatch.chdir("/")
    train = open_grid(str(tmp_path / "out")).config.train
    assert (train.model.name, train.data.root, train.data.cache_dir) == tuple(str(tmp_path / name) for name in ("mine.py", "data", "cache"))


def test_leakage_is_recorded(tmp_path):
    leakage = [{"name": "C", "dataset": "T", "train_set": "C", "leaks": [{"train": "a", "test": "b", "relation": "the same"}]}]
    assert create_grid(ranking(tmp_path), leakage=leakage).read_leakage() == leakage


def test_a_folder_that_holds_something_is_refused(tmp_path):
    create_grid(ranking(tmp_path))
    with pytest.raises(RequestError, match="holds a ranking already; continue it with --resume"):
        create_grid(ranking(tmp_path))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_text("")
    with pytest.raises(RequestError, match="exists and is not empty; name another folder"):
        create_grid(ranking(tmp_path, out=str(tmp_path / "other")))


def test_another_backend_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    create_grid(ranking(tmp_path))
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "jax")
    with pytest.raises(RequestError, match="was started with KERAS_BACKEND=tensorflow, not jax"):
        open_grid(str(tmp_path / "out"))


def test_a_folder_without_a_ranking_is_reported(tmp_path):
    with pytest.raises(RequestError, match="--resume: there is no ranking in"):
        open_grid(str(tmp_path))


@pytest.mark.parametrize("plan", [{"train": {}}, {"request": {}, "settings": {}, "backend": "tensorflow"}])
def test_a_plan_of_another_version_is_reported(tmp_path, plan, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(RequestError, match="recorded by another version of visionfw"):
        open_grid(str(tmp_path))
