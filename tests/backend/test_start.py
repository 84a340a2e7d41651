"""Starting a backend: a wrong one is one line, and what TensorFlow prints is shown only where it fails."""

import os

import pytest

from visionfw.backend.start import quiet, start_backend
from visionfw.errors import RequestError


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [("tensorflwo", "KERAS_BACKEND: no backend 'tensorflwo'; did you mean 'tensorflow'?"), ("openvino", "KERAS_BACKEND: no backend 'openvino'")],
)
def test_an_unknown_backend_is_one_line(monkeypatch, backend, sentence):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(RequestError) as error:
        start_backend()
    assert str(error.value).startswith(sentence)


def test_a_backend_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match="KERAS_BACKEND=torch: torch is not installed"):
        start_backend()


def test_what_is_written_to_the_error_stream_is_kept_off_the_terminal(capfd):
    with quiet():
        os.write(2, b"chatter")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_it_is_shown_where_the_block_fails(capfd):
    def fail():
        with quiet():
            os.write(2, b"reason")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert capfd.readouterr().err == "reason"
