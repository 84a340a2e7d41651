"""Scores come from the training step's own forward pass and reach the sampler at the end of every round."""

from typing import ClassVar

import keras
import numpy as np
import pytest
from configs import plan_of, training

import visionfw as vf
from visionfw.metrics.arrays import psnr
from visionfw.registry import choice
from visionfw.samplers import SAMPLERS, Sampler, SamplerEntry
from visionfw.training.fit import train
from visionfw.training.scores import PatchValues

SMALL = {"model_args": {"blocks": 1, "filters": 8}, "batch_size": 4, "patch_size": 12, "steps": 12, "validate_every": 6}
FROZEN = {"learning_rate": 1e-30, "schedule": "constant", "augment": "none", "precision": "float32"}


def test_the_metric_keeps_every_value_in_order():
    metric = PatchValues(lambda y_true, y_pred: keras.ops.mean(y_pred - y_true, axis=(1, 2, 3)), 10, "difference")
    images = np.random.default_rng(0).random((10, 3, 3, 1), np.float32)
    for start in (0, 4, 8):
        metric.update_state(np.zeros_like(images[start : start + 4]), images[start : start + 4])
    np.testing.assert_allclose(metric.values(), images.mean(axis=(1, 2, 3)), rtol=1e-6)
    assert float(metric.result()) == pytest.approx(images.mean(), rel=1e-5)
    metric.reset_state()
    assert len(metric.values()) == 0


class Recorder(Sampler):
    """Draws uniformly and writes down what happens to it, in the class's `events`."""

    events: ClassVar[list] = []

    def __init__(self, n, seed=0, *, score="gain"):
        super().__init__(n, seed)
        self.score = score

    def draw(self, k):
        ids = self._random.choice(self.n, k, replace=False)
        self.events.append(("draw", ids))
        return ids

    def update(self, ids, scores):
        self.events.append(("update", ids, scores))

    def probabilities(self):
        return np.full(self.n, 1 / self.n)


@pytest.fixture
def events():
    """What happens to the sampler `recorder` of a run, in order."""
    Recorder.events.clear()
    with SAMPLERS.temporary(SamplerEntry(name="recorder", target=Recorder, options={"score": choice("gain", "psnr", "loss")})):
        yield Recorder.events


def quiet(line):
    pass


@pytest.mark.parametrize("score", ["gain", "loss"])
def test_every_round_is_learned_from_before_the_next_is_drawn(tmp_path, events, score):
    train(training(**SMALL, sampler=f"recorder:score={score}", round_patches=12, run_dir=str(tmp_path / "run")), quiet)
    assert [event[0] for event in events][:8] == ["draw", "update"] * 4
    for (_, drawn), (_, ids, scores) in zip(events[:8:2], events[1:8:2], strict=True):
        np.testing.assert_array_equal(drawn, ids)
        assert scores.shape == ids.shape
        assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("psnr", lambda hr, sr: psnr(hr, sr * 255.0)),
        ("loss", lambda hr, sr: -np.abs(hr / 255.0 - sr).mean()),  # a high loss is a low score
    ],
)
def test_scores_are_the_models_own_on_those_patches(tmp_path, events, score, expected):
    """With a learning rate of next to nothing, the last weights are those of all steps."""
    request = training(**SMALL, **FROZEN, loss="l1", sampler=f"recorder:score={score}", round_patches=24, run_dir=str(tmp_path / "run"))
    run = train(request, quiet)
    source, model = plan_of(training(**SMALL), quiet).patches, vf.load(run.folder)
    _, ids, scores = [event for event in events if event[0] == "update"][-1]
    lr, hr = source.read(ids)
    sr = model.predict_on_batch(lr / np.float32(255))
    np.testing.assert_allclose(scores, [expected(*pair) for pair in zip(hr, sr, strict=True)], atol=1e-3)


def test_a_gain_is_the_psnr_over_bicubics(tmp_path, events):
    """The small model starts as bicubic, so its first gains are about 0; near the borders of a patch it lacks the neighbors."""
    train(training(**SMALL | {"patch_size": 32}, sampler="recorder", learning_rate=1e-30, run_dir=str(tmp_path / "run")), quiet)
    scores = [event for event in events if event[0] == "update"][-1][2]
    assert abs(np.median(scores)) < 0.3
    assert scores.std() < 1.0
