"""How far long work has come."""

import io

from visionfw.io import progress
from visionfw.io.progress import StepTimer, counter, span


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_line_that_changes_with_the_time_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = Terminal()
    tell = counter("decoding", stream)
    for done in (10, 20, 30, 40):
        now[0] += 5
        tell(done, 40)
    assert "\rdecoding: 20/40, 10 s left" in stream.getvalue()
    assert stream.getvalue().endswith("\rdecoding: 40/40\x1b[K\n")


def test_work_that_was_done_before_is_not_counted_as_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = Terminal()
    tell = counter("dividing", stream)
    for done, at in ((900, 1.0), (901, 2.0), (902, 3.0)):
        now[0] = at
        tell(done, 1000)
    assert "902/1000, 1 min 38 s left" in stream.getvalue()


def test_a_log_gets_a_line_every_half_minute(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    tell = counter("dividing", stream)
    for done in range(1, 101):
        now[0] += 1
        tell(done, 100)
    assert len(stream.getvalue().splitlines()) == 3


def test_spans_are_said_in_words():
    assert [span(seconds) for seconds in (7, 200, 3900)] == ["7 s", "3 min 20 s", "1 h 5 min"]


def test_looks_at_images_are_counted_and_their_pace_is_told(monkeypatch):
    now, told = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    looks = StepTimer(20, 3, lambda done, of: told.append((done, of)))
    for seconds in (9.0, 0.5, 0.5, 0.5, 7.0):  # the first compiles, the last reads another image
        now[0] += seconds
        looks()
    assert told == [(number, 60) for number in range(1, 6)] and looks.taken == 5
    assert looks.pace() == "speed: 500 ms a look, 20 looks: 10.0 s an image"
