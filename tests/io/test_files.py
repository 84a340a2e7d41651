"""Files are complete or absent, whoever else writes them at the same time."""

import os
import stat
import subprocess
import sys

import pytest

from visionfw.errors import VisionfwError
from visionfw.io.files import atomic_path, read_json, read_json_value, remove_partial_files, reporting_write_errors, write_bytes, write_json, write_text


def no_space(*_):
    raise OSError(28, "No space left on device")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_bytes(tmp_path / "x.json", b"before")
    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(VisionfwError, match=r"x\.json: cannot be written: No space left on device; the old one stays"):
        write_bytes(tmp_path / "x.json", b"after", consequence="the old one stays")
    assert (tmp_path / "x.json").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_the_temporary_file_has_the_suffixes_and_a_name_of_its_own(tmp_path):
    path = tmp_path / "model.weights.h5"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        assert first.parent == tmp_path
        assert first.name.endswith(".weights.h5")
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


WRITE = "import sys, pathlib; from visionfw.io.files import write_bytes\nfor _ in range(100): write_bytes(pathlib.Path(sys.argv[1]), sys.argv[2].encode() * 200_000)"


def test_processes_that_write_one_file_never_mix_or_lose_it(tmp_path, root):
    path = tmp_path / "run.json"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), letter], cwd=root) for letter in "abc"]
    whole = {letter * 200_000 for letter in "abc"}
    while any(writer.poll() is None for writer in writers):
        assert not path.exists() or path.read_text() in whole
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
def test_files_have_the_permissions_that_the_umask_gives(tmp_path):
    write_bytes(tmp_path / "x", b"content")
    (tmp_path / "plain").write_bytes(b"content")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_only_errors_of_the_system_become_cannot_be_written(tmp_path):
    with pytest.raises(ZeroDivisionError), reporting_write_errors(tmp_path / "x"):
        1 / 0  # noqa: B018
    with pytest.raises(VisionfwError, match="x: cannot be written: Not a directory"), reporting_write_errors(tmp_path / "x"):
        raise NotADirectoryError(20, "Not a directory")


def test_text_may_hold_file_names_that_are_not_text(tmp_path):
    write_text(tmp_path / "new" / "x.md", "caf\u00e9 \udcff")
    assert (tmp_path / "new" / "x.md").read_text(encoding="utf-8") == "caf\u00e9 \\udcff"


@pytest.mark.parametrize("content", ["{", "[]", '"x"', b"\xff".decode("latin1")])
def test_a_damaged_json_file_is_reported(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(VisionfwError, match=r"x\.json: (cannot be read|is damaged)"):
        read_json(tmp_path / "x.json")


def test_json_is_read_as_it_was_written(tmp_path):
    write_json(tmp_path / "x.json", {"a": [1, "ü"]})
    assert read_json(tmp_path / "x.json") == {"a": [1, "ü"]}
    write_json(tmp_path / "y.json", [1])
    assert read_json_value(tmp_path / "y.json") == [1]


def test_what_a_killed_process_left_can_be_removed(tmp_path, root):
    write_text(tmp_path / "x.json", "kept")
    code = "import os, sys, pathlib; from visionfw.io.files import atomic_path\n"
    code += "with atomic_path(pathlib.Path(sys.argv[1])) as temporary: temporary.write_text('half'); os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.json")], cwd=root, check=False)
    assert len(list(tmp_path.iterdir())) == 2
    remove_partial_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").read_text() == "kept"
