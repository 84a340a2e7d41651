"""Work in threads keeps its order, counts, and stops at an error."""

import os

import pytest

from visionfw.data.threads import map_in_threads


def test_results_come_in_the_order_of_the_items():
    progress = []
    assert list(map_in_threads(lambda item: item**2, range(50), lambda done, total: progress.append((done, total)))) == [n**2 for n in range(50)]
    assert progress == [(n, 50) for n in range(1, 51)]


def test_an_error_ends_the_work():
    worked_on = []

    def work(item):
        worked_on.append(item)
        if item == 3:
            raise ValueError("no")
        return item

    with pytest.raises(ValueError, match="no"):
        list(map_in_threads(work, range(10_000)))
    assert len(worked_on) < 1000


def test_only_as_many_threads_work_as_the_process_has_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    running, most = [], []

    def work(item):
        running.append(item)
        most.append(len(running))
        running.remove(item)

    list(map_in_threads(work, range(100)))
    assert max(most) == 1
