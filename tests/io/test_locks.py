"""One process at a time; a lock ends with its process."""

import subprocess
import sys

import pytest

from visionfw.io.locks import is_locked, locked, try_lock

HOLD = "import sys, pathlib; from visionfw.io.locks import locked\nwith locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.readline()"


@pytest.fixture
def holder(root, tmp_path):
    """A process that holds the lock until it reads a line."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate()


def test_a_lock_of_another_process_is_seen_and_waited_for(holder, tmp_path):
    path, waited = tmp_path / "lock", []
    assert is_locked(path)
    with try_lock(path) as is_mine:
        assert not is_mine

    def release():
        waited.append(True)
        holder.stdin.write("\n")
        holder.stdin.flush()

    with locked(path, release):
        assert waited == [True]
    assert not is_locked(path)


def test_a_killed_process_leaves_no_lock(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert not is_locked(tmp_path / "lock")
    with try_lock(tmp_path / "lock") as is_mine:
        assert is_mine


def test_a_lock_can_be_held_once_within_a_process(tmp_path):
    with try_lock(tmp_path / "lock") as is_mine, try_lock(tmp_path / "lock") as again:
        assert (is_mine, again) == (True, False)


def test_a_file_that_does_not_exist_is_not_locked(tmp_path):
    assert not is_locked(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_reads_a_model_needs_a_posix_module(root):
    """Windows has no fcntl and no resource; dictionaries and runs are read there all the same."""
    code = "import sys; sys.modules['fcntl'] = sys.modules['resource'] = None\nimport visionfw as vf; vf.definition('edsr')\n"
    code += "import visionfw.ranking.grid, visionfw.runs.directory, visionfw.data.cache, visionfw.data.build.tile, visionfw.ranking.job"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
