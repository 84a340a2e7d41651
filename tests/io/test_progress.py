"""Progress lines with the remaining time, on terminals and in logs, by a clock of the tests' own."""

import io

import pytest

from visionfw.io import progress
from visionfw.io.progress import ProgressReporter, StepTimer, duration_text


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """A clock that goes on by hand."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_terminal_shows_one_line_that_is_updated_with_the_remaining_time(clock):
    stream = Terminal()
    report = ProgressReporter("decoding images", stream)
    for done in (10, 20, 30, 40):
        clock.now += 5
        report(done, 40)
    assert "\rdecoding images: 20/40" in stream.getvalue().replace("\x1b[K", "")
    assert "20/40, 10 s left" in stream.getvalue()
    assert stream.getvalue().endswith("decoding images: 40/40\n")
    assert stream.getvalue().count("\n") == 1


def test_items_that_were_done_before_do_not_count_as_speed(clock):
    stream = Terminal()
    report = ProgressReporter("tiling", stream)
    for done in (900, 901, 902):
        clock.now += 1
        report(done, 1000)
    assert "902/1000, 1 min 38 s left" in stream.getvalue()


def test_a_second_count_has_an_estimate_of_its_own(clock):
    stream = Terminal()
    report = ProgressReporter("fetching", stream)
    for done in (0, 50, 100, 0, 10):  # a second file, slower
        clock.now += 10
        report(done, 100)
    assert stream.getvalue().endswith("fetching: 10/100, 1 min 30 s left")


def test_a_log_gets_a_line_every_half_minute(clock):
    stream = io.StringIO()
    report = ProgressReporter("tiling", stream)
    for done in range(1, 101):
        clock.now += 1
        report(done, 100)
    assert [line.partition(",")[0] for line in stream.getvalue().splitlines()] == ["tiling: 30/100", "tiling: 60/100", "tiling: 90/100"]


def test_details_stand_between_the_counts_and_the_remaining_time(clock):
    stream = Terminal()
    report = ProgressReporter("training", stream)
    for step in (1, 2):
        clock.now += 1
        report(step, 10, "loss 0.05")
    assert stream.getvalue().endswith("training: 2/10, loss 0.05, 8 s left")


def test_a_logged_line_replaces_the_progress_line(clock, capsys):
    stream = Terminal()
    report = ProgressReporter("training", stream)
    clock.now += 1
    report(1, 2)
    report.log("validation 30.0 dB")
    assert stream.getvalue().endswith("\r\x1b[K")
    assert capsys.readouterr().out == "validation 30.0 dB\n"


@pytest.mark.parametrize(("seconds", "text"), [(7, "7 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")])
def test_durations_are_written_in_words(seconds, text):
    assert duration_text(seconds) == text


def test_denoising_steps_are_counted_and_timed(clock):
    calls = []
    timer = StepTimer(20, 3, lambda done, total: calls.append((done, total)))
    for seconds in (9.0, 0.5, 0.5, 0.5, 7.0):  # the first one compiles, the last one reads another image
        clock.now += seconds
        timer()
    assert calls == [(number, 60) for number in range(1, 6)]
    assert timer.done == 5
    assert timer.speed_text() == "speed: 500 ms per denoising step, 20 steps: 10.0 s per image"
