"""How many processor cores a process may keep busy."""

import os

import pytest

from visionfw.backend import control_group
from visionfw.backend.devices import has_accelerator, processors


@pytest.mark.parametrize(("quota", "expected"), [(None, 64), (2.0, 2), (1.5, 2), (0.1, 1), (100.0, 64)])
def test_a_container_s_quota_limits_the_cores(monkeypatch, quota, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(control_group, "processor_quota", lambda: quota)
    assert processors() == expected


def test_a_system_without_affinities_has_all_its_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.setattr(control_group, "processor_quota", lambda: None)
    assert processors() == 6


def test_an_accelerator_is_there_or_not():
    assert has_accelerator() in (True, False)
