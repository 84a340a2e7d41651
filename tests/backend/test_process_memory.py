"""The peak of a process' memory, on Linux, macOS and where the system does not tell."""

import sys
import types

import pytest

from visionfw.backend.process_memory import peak_resident_bytes


@pytest.mark.parametrize(("platform", "expected"), [("linux", 2048 * 1024), ("darwin", 2048)])
def test_linux_counts_kibibytes_and_macos_bytes(monkeypatch, platform, expected):
    usage = types.SimpleNamespace(ru_maxrss=2048)
    monkeypatch.setitem(sys.modules, "resource", types.SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage))
    monkeypatch.setattr(sys, "platform", platform)
    assert peak_resident_bytes() == expected


def test_a_system_without_the_resource_module_gives_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_resident_bytes() is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_memory_that_is_written_to_counts():
    size = 64 * 2**20
    block = bytearray(b"x") * size
    assert peak_resident_bytes() >= len(block)
