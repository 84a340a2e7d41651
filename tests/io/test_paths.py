"""Paths as users write them, and where the cache lies."""

import sys
from pathlib import Path

import pytest

from visionfw.errors import RequestError
from visionfw.io.paths import cache_folder, folder_name, user_path


def test_an_unknown_user_is_reported():
    with pytest.raises(RequestError, match="~nobody-at-all/x: there is no such user's folder"):
        user_path("~nobody-at-all/x")


def test_the_cache_is_where_the_flag_or_the_variable_says(monkeypatch):
    monkeypatch.setenv("VISIONFW_CACHE", "/elsewhere")
    assert cache_folder() == Path("/elsewhere")
    assert cache_folder("/named") == Path("/named")
    assert cache_folder("~/named") == Path.home() / "named"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_the_cache_is_the_users_cache_folder_by_default(monkeypatch, tmp_path):
    for name in ("VISIONFW_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == Path.home() / ".cache" / "visionfw"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "visionfw"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BSDS500/train", "BSDS500_train"),
        ("Sun-Hays80", "Sun-Hays80"),
        ("edsr:blocks=2", "edsr_blocks_2"),
        ("../x y", "x_y"),
        ("日本", "日本"),
        ("a" * 99, "a" * 80),
    ],
)
def test_any_text_becomes_the_name_of_one_folder(text, name):
    assert folder_name(text) == name
