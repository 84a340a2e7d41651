"""A job's state is what its folder holds."""

import pytest

from visionfw.errors import VisionfwError
from visionfw.ranking.job import Job, JobState


@pytest.fixture
def job(tmp_path):
    return Job("A", 0, tmp_path / "job")


def test_a_job_without_files_is_pending(job):
    assert job.state() is JobState.PENDING
    assert job.state_text() == "pending"
    assert not job.folder.exists()


def test_a_locked_job_is_running_and_cannot_be_locked_again(job):
    with job.lock() as is_mine:
        assert is_mine
        assert job.state() is JobState.RUNNING
        with job.lock() as again:
            assert not again
    assert job.state() is JobState.PENDING


def test_a_job_with_a_reason_failed(job):
    job.folder.mkdir()
    job.failure_file.write_text('{"reason": "no space"}')
    assert job.state() is JobState.FAILED
    assert job.state_text() == "failed: no space"


def test_a_job_that_is_tried_again_is_running_whatever_its_last_failure(job):
    job.folder.mkdir()
    job.failure_file.write_text('{"reason": "no space"}')
    with job.lock():
        assert job.state() is JobState.RUNNING


@pytest.mark.parametrize(("content", "state"), [('{"per_image": []}', JobState.DONE), ("{}", JobState.PENDING), ('{"per_im', JobState.PENDING)])
def test_a_job_is_done_once_its_result_is_complete(job, content, state):
    job.folder.mkdir()
    job.result_file.write_text(content)
    assert job.state() is state


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VisionfwError, match="file/job: cannot be written"), Job("A", 0, tmp_path / "file" / "job").lock():
        pass
