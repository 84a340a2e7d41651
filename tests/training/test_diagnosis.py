"""What happens when a loss stops being finite, or explodes."""

import json

import keras
import numpy as np
import pytest
from configs import change, plan_of, training
from PIL import Image
from runs import first_callback

import visionfw as vf
from visionfw.training.diagnosis import Diverged, describe_nonfinite
from visionfw.training.fit import train
from visionfw.training.models import compile_for_training

REQUEST = training(model_args={"blocks": 1, "filters": 8}, batch_size=4, patch_size=12, steps=12, validate_every=6, optimizer="sgd", loss="l1+mse")


def quiet(line):
    pass


def test_the_term_the_layer_and_the_patches_are_named(tmp_path):
    with pytest.raises(Diverged) as error:
        train(change(REQUEST, learning_rate=1e38, run_dir=str(tmp_path / "run")), quiet)
    assert "the loss is not finite at step 2: not finite: loss term l1, mse; first layer with an output that is not finite: " in str(error.value)
    record = json.loads((tmp_path / "run" / "bad_batch.json").read_text())
    assert record["step"] == 2
    assert len(record["patches"]) == 4
    source = plan_of(REQUEST, quiet).patches
    ids = np.array([patch["patch"] for patch in record["patches"]])
    np.testing.assert_array_equal(source.locate(ids)[1], [patch["row"] for patch in record["patches"]])
    with Image.open(tmp_path / "run" / "bad_batch.png") as picture:
        assert picture.width > 4 * 90
    assert not (tmp_path / "run" / "best.weights.h5").exists()


def test_the_first_layer_is_the_first_in_the_model():
    plan = plan_of(REQUEST, quiet)
    models = compile_for_training(plan)
    lr, hr = plan.patches.read(np.arange(2))
    assert "the loss of this batch is finite" in describe_nonfinite(models, plan, lr, hr)
    inner = models.model.get_layer("conv_body")
    inner.set_weights([np.full_like(weight, np.inf) for weight in inner.get_weights()])
    assert describe_nonfinite(models, plan, lr, hr) == "not finite: loss term l1, mse; first layer with an output that is not finite: conv_body"


class FailingStep(keras.callbacks.Callback):
    """Makes the loss of a step not finite, as often as `times`; each fit starts a round of six steps, and goes on in the next."""

    def __init__(self, step, times):
        super().__init__()
        self.step, self.times, self.epoch = step, times, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        if 6 * self.epoch + batch + 1 == self.step and self.times:
            self.times -= 1
            logs["loss"] = np.nan


class ExplodingRounds(keras.callbacks.Callback):
    """Makes the mean loss of every round five hundred times that of the round before."""

    def on_epoch_end(self, epoch, logs):
        logs["loss"] *= 500**epoch


def test_rollback_goes_on_from_the_last_good_state_at_a_lower_rate(tmp_path):
    lines = []
    with first_callback(FailingStep(9, 2)):
        run = train(change(REQUEST, sampler="uniform", learning_rate=0.01, on_nan="rollback", run_dir=str(tmp_path / "run")), lines.append)
    back = [line for line in lines if "back to step" in line]
    assert len(back) == 2
    assert "back to step 6, learning rate x 0.25 (rollback 2 of 3)" in back[1]
    assert run.read()["state"] == "done"


def test_rollback_gives_up(tmp_path):
    request = change(REQUEST, sampler="uniform", on_nan="rollback", max_rollbacks=1, run_dir=str(tmp_path / "run"))
    with first_callback(FailingStep(3, 99)), pytest.raises(Diverged, match="the loss is not finite at step 3"):
        train(request, quiet)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "failed"


def test_an_exploding_loss_is_stopped_before_it_is_kept(tmp_path):
    sentence = r"the loss exploded: .* in the round up to step 12, .* before; the best weights, of step 6, are kept; try a lower --learning_rate"
    with first_callback(ExplodingRounds()), pytest.raises(Diverged, match=sentence):
        train(change(REQUEST, sampler="uniform", learning_rate=1e-4, run_dir=str(tmp_path / "run")), quiet)
    assert vf.load(tmp_path / "run").get_weights()
