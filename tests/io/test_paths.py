"""Files are written whole or not at all; a ~ that is nobody's is told."""

import os

import pytest

from visionfw.errors import RequestError, VisionfwError
from visionfw.io.paths import read_json, user_path, write_json, write_whole


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    write_whole(tmp_path / "x", b"before")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "x", b"after")
    assert (tmp_path / "x").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_nobodys_folder_is_told():
    with pytest.raises(RequestError, match="~nobody-at-all/x: there is no such user's folder"):
        user_path("~nobody-at-all/x")


@pytest.mark.parametrize("content", ["{", "[]", '"x"', b"\xff".decode("latin1")])
def test_a_damaged_json_file_is_told(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(VisionfwError, match=r"x\.json: (cannot be read|is damaged)"):
        read_json(tmp_path / "x.json")


def test_what_is_written_is_read(tmp_path):
    write_json(tmp_path / "x.json", {"a": [1, "ü"]})
    assert read_json(tmp_path / "x.json") == {"a": [1, "ü"]}
