"""Requests are checked at the door, all problems at once."""

import dataclasses

import pytest

from visionfw.config import EvaluateRequest, TrainRequest
from visionfw.errors import RequestError


def test_the_defaults_are_a_right_request():
    assert TrainRequest().record()["model"] == "edsr_small"


def test_a_request_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainRequest().steps = 3


def test_all_problems_are_told_at_once():
    with pytest.raises(RequestError) as caught:
        TrainRequest(loss="l3", batch_size=0, learning_rate=0.0, steps=3, epochs=3)
    assert str(caught.value).splitlines() == [
        "--loss: no loss 'l3'; did you mean 'l1'?",
        "--batch_size must be at least 1, not 0",
        "--learning_rate must be a number above 0, not 0.0",
        "--steps and --epochs both say how long to train; give one",
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 3, "minutes": 1.0}, "--steps and --minutes both say how long to train; give one"),
        ({"steps": 3, "epochs": 1, "minutes": 1.0}, "--steps and --epochs and --minutes all say how long to train; give one"),
        ({"minutes": 0.0}, "--minutes must be a number above 0, not 0.0"),
        ({"minutes": float("nan")}, "--minutes must be a number above 0, not nan"),
    ],
)
def test_how_long_is_said_once_and_in_sensible_numbers(given, sentence):
    with pytest.raises(RequestError) as caught:
        TrainRequest(**given)
    assert str(caught.value) == sentence


def test_an_evaluation_needs_one_subject():
    for wrong in ({}, {"run": "x", "model": "edsr"}, {"model": "edsr"}):
        with pytest.raises(RequestError):
            EvaluateRequest(**wrong)
    EvaluateRequest(run="x")
    EvaluateRequest(model="edsr", weights="x.weights.h5")


def test_a_request_survives_its_record():
    import json

    request = TrainRequest(model_args=(("kernels", (9, 1, 7)), ("blocks", 3)), layer_rates=(("tail", 0.1),), ema=0.9)
    assert TrainRequest.of_record(json.loads(json.dumps(request.record()))) == request
    with pytest.raises(RequestError, match="recorded by another version"):
        TrainRequest.of_record({"model_args": {}, "layer_rates": {}, "color": 1})
