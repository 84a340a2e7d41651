"""Scores of the training step's own forward pass, handed to the sampler at the end of every round."""

import keras
import numpy as np
import pytest

from visionfw.config import TrainRequest
from visionfw.metrics.arrays import psnr
from visionfw.training import models as learner
from visionfw.training.fit import train
from visionfw.training.scores import PatchScores

SMALL = {"model_args": (("blocks", 1), ("filters", 8)), "batch_size": 4, "patch_size": 12, "steps": 12, "validate_every": 6}


def test_the_metric_keeps_every_figure_in_order():
    metric = PatchScores(lambda reference, made: keras.ops.mean(made - reference, axis=(1, 2, 3)), 10, "difference")
    images = np.random.default_rng(0).random((10, 3, 3, 1), np.float32)
    for start in (0, 4, 8):
        metric.update_state(np.zeros_like(images[start : start + 4]), images[start : start + 4])
    np.testing.assert_allclose(metric.figures(), images.mean(axis=(1, 2, 3)), rtol=1e-6)
    assert float(metric.result()) == pytest.approx(images.mean(), rel=1e-5)
    metric.reset_state()
    assert len(metric.figures()) == 0


class Watched:
    """A sampler that is watched."""

    def __init__(self, sampler, events):
        self.inner, self.events, self.score = sampler, events, sampler.score

    def draw(self, k):
        ids = self.inner.draw(k)
        self.events.append(("drawn", ids))
        return ids

    def update(self, ids, scores):
        self.events.append(("learned", ids, scores))
        self.inner.update(ids, scores)

    def __getattr__(self, name):
        return getattr(self.inner, name)


@pytest.fixture
def watched(monkeypatch):
    """What the sampler of a run was asked for and told, in order."""
    events, make = [], learner.make
    monkeypatch.setattr(learner, "make", lambda *given: Watched(make(*given), events))
    return events


@pytest.mark.parametrize("score", ["gain", "loss"])
def test_every_round_is_learned_from_before_the_next_is_drawn(tmp_path, watched, score):
    train(TrainRequest(**SMALL, sampler=f"psnr_gain:score={score}", round_patches=12, run_dir=str(tmp_path / "run")), lambda line: None)
    assert [event[0] for event in watched][:8] == ["drawn", "learned"] * 4
    for (_, drawn), (_, ids, scores) in zip(watched[:8:2], watched[1:8:2], strict=True):
        np.testing.assert_array_equal(drawn, ids)
        assert scores.shape == ids.shape
        assert np.isfinite(scores).all()


def test_scores_are_the_models_own_on_those_patches(tmp_path, watched):
    """With a learning rate of next to nothing the last weights are those of all steps."""
    request = TrainRequest(
        **SMALL,
        sampler="psnr_gain:score=psnr",
        round_patches=24,
        learning_rate=1e-30,
        schedule="constant",
        augment="none",
        precision="float32",
        run_dir=str(tmp_path / "run"),
    )
    run = train(request, lambda line: None)
    import visionfw as vf
    from visionfw.training.setup import prepare

    source, model = prepare(TrainRequest(**SMALL), lambda line: None).source, vf.load(run.folder)
    _, ids, scores = [event for event in watched if event[0] == "learned"][-1]
    lr, hr = source.read(ids)
    made = model.predict_on_batch(lr / np.float32(255))
    expected = [psnr(a, b * 255.0) for a, b in zip(hr, made, strict=True)]
    np.testing.assert_allclose(scores, expected, atol=1e-3)


def test_a_gain_is_the_psnr_over_bicubics(tmp_path, watched):
    """The small model starts as bicubic, so its first gains are about 0; near the borders of a patch it lacks the neighbors."""
    train(TrainRequest(**SMALL | {"patch_size": 32}, sampler="psnr_gain", learning_rate=1e-30, run_dir=str(tmp_path / "run")), lambda line: None)
    scores = [event for event in watched if event[0] == "learned"][-1][2]
    assert abs(np.median(scores)) < 0.3
    assert scores.std() < 1.0
