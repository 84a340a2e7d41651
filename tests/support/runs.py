"""Runs as tests look at them: their weights, history and state, and a Ctrl-C after a certain step."""

import csv
import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
from configs import change

from visionfw.runs.directory import Run
from visionfw.training.fit import train


def silent(line):
    """Log nothing."""


def weights_of(run):
    """Return every array of a run's checkpoint, by name, but for the training state's JSON."""
    return {key: array for key, array in _entries(run).items() if not _is_json(key, array)}


def state_of(run):
    """Return the training state in a run's checkpoint."""
    (state,) = (array for key, array in _entries(run).items() if _is_json(key, array))
    return json.loads(state.tobytes())


def _entries(run):
    with np.load(run.checkpoint) as file:
        return {key: file[key] for key in file.files}


def _is_json(key, array):
    return array.dtype == np.uint8 and "/" not in key


def history_of(run):
    """Return the rows of a run's history, without times."""
    with run.history.open() as lines:
        return [{key: float(value) for key, value in row.items() if key != "seconds"} for row in csv.DictReader(lines)]


def assert_same_weights(run, other):
    """Assert that two runs' checkpoints hold the same arrays, bit for bit."""
    ours, theirs = weights_of(run), weights_of(other)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value, err_msg=key)


class _PressCtrlC(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@contextmanager
def first_callback(callback):
    """Call a Keras callback before all others in every `fit`, for the length of a `with` block; it may change the logs that they get."""
    fit = keras.Model.fit

    def fit_with_callback(self, *arguments, callbacks=(), **options):
        return fit(self, *arguments, callbacks=[callback, *callbacks], **options)

    with mock.patch.object(keras.Model, "fit", fit_with_callback):
        yield


@contextmanager
def ctrl_c_after(step):
    """Send this process SIGINT at the end of the step-th training step, for the length of a `with` block."""
    with first_callback(_PressCtrlC(step)):
        yield


def interrupted(request, folder, step):
    """Start a run and stop it after a step, as Ctrl-C does."""
    with ctrl_c_after(step), pytest.raises(KeyboardInterrupt):
        train(change(request, run_dir=str(folder)), silent)
    return Run(Path(folder))
