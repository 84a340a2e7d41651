"""Jobs are processes: all of them are done, some at a time, and those that another process holds are waited for."""

import json
import sys

import pytest
from rankings import made_up, write_result

from visionfw.errors import RequestError
from visionfw.ranking import executor
from visionfw.ranking.config import ENGINES
from visionfw.ranking.executor import JobReporter, execute, refuse_missing
from visionfw.ranking.job import JobState


@pytest.fixture
def grid(tmp_path):
    """A ranking none of whose jobs is done."""
    grid = made_up(tmp_path / "x", {"A": {0: [1.0], 1: [1.0]}, "B": {0: [2.0], 1: [2.0]}})
    for job in grid.jobs():
        job.result_file.unlink()
    return grid


def test_jobs_that_are_done_are_not_done_again(grid):
    for job in grid.jobs():
        write_result(job, [1.0])
    lines = []
    execute(grid, lines.append)
    assert lines == []


@pytest.mark.slow
def test_a_process_that_fails_leaves_the_reason_and_the_others_go_on(grid):
    """The training sets do not exist, so that every job's process fails after a moment."""
    lines = []
    execute(grid, lines.append)
    assert [line.split(":")[0] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert all("failed: no data set 'A'" in line or "failed: no data set 'B'" in line for line in lines)
    assert all(job.state() is JobState.FAILED for job in grid.jobs())
    assert "error: no data set" in grid.jobs()[0].log_file.read_text()


def test_a_locked_job_is_tried_until_it_is_free(grid, monkeypatch):
    """A process that stands in for a job's: it finds the job locked twice, then does it."""
    script = (
        "import json, pathlib, sys; folder = pathlib.Path(sys.argv[1]); tries = folder / 'tries'; count = len(tries.read_text()) if tries.exists() else 0\n"
        "tries.write_text('x' * (count + 1)); (folder / 'result.json').write_text(json.dumps({'per_image': []})) if count == 2 else sys.exit(3)\n"
    )
    (job,) = grid.jobs()[:1]
    for other in grid.jobs()[1:]:
        write_result(other, [1.0])
    start, started = executor.subprocess.Popen, []

    def stand_in(command, **options):
        started.append(command)
        return start([sys.executable, "-c", script, str(job.folder)], **options)

    monkeypatch.setattr(executor.subprocess, "Popen", stand_in)
    lines = []
    execute(grid, lines.append)
    assert len(started) == 3
    assert started[0][1:] == ["-m", "visionfw.ranking.run_job", str(grid.folder), "A", "0"]
    assert len(lines) == 1
    assert lines[0].startswith("1/1: A, seed 0 done, ")


def test_the_remaining_time_is_that_of_the_jobs_so_far(grid, monkeypatch):
    now, lines = [0.0], []
    monkeypatch.setattr("visionfw.io.progress.time.monotonic", lambda: now[0])
    reporter = JobReporter(4, lines.append)
    for job in grid.jobs():
        write_result(job, [1.0])
        now[0] += 60
        reporter.end(job, 120.0)
    assert lines[0] == "1/4: A, seed 0 done, 2 min 0 s, 3 min 0 s left"
    assert lines[3] == "4/4: B, seed 1 done, 2 min 0 s"


def test_a_process_that_ends_without_a_result_is_reported_with_its_log(grid):
    lines = []
    JobReporter(1, lines.append).end(grid.jobs()[0], 1.0)
    assert lines == [f"1/1: A, seed 0 ended without a result (see {grid.jobs()[0].log_file}), 1 s"]


def test_engines_are_functions_by_name():
    assert ENGINES.load("local") is executor.run_locally
    assert ENGINES.load("ray") is executor.run_with_ray


def test_an_engine_that_is_not_installed_is_reported(monkeypatch):
    monkeypatch.setattr(executor.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"--engine=ray: Ray is not installed: pip install 'visionfw\[ray\]'"):
        refuse_missing("ray")
    refuse_missing("local")


def test_results_are_json(grid):
    write_result(grid.jobs()[0], [1.0])
    assert json.loads(grid.jobs()[0].result_file.read_text())["steps"] == 9
