"""A signal asks for an end after the current step, a second one ends at once."""

import os
import signal
import threading

import pytest

from visionfw.training.callbacks.stopping import stop_at_signals


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request(number):
    with stop_at_signals() as stop:
        assert not stop.is_requested
        send(number)
        assert stop.is_requested


def test_the_second_signal_interrupts():
    with stop_at_signals() as stop:
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    assert stop.is_requested


def test_the_handlers_from_before_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_at_signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_than_the_main_one_trains_without_handlers():
    requests = []

    def work():
        with stop_at_signals() as stop:
            requests.append(stop.is_requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert requests == [False]
