"""A generator and a discriminator in one fit: who learns from what, what is told, and that it goes on exactly."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from configs import change, plan_of, training
from rankings import ranking
from runs import assert_same_weights, history_of, interrupted

from visionfw.config import from_flags
from visionfw.errors import RequestError, VisionfwError
from visionfw.evaluation.config import EvaluateConfig
from visionfw.gan import training as gan
from visionfw.gan.discriminator import Logits, build_discriminator
from visionfw.gan.training import training_warnings
from visionfw.graph.checking.check import examine
from visionfw.layers.uint8_images import uint8_to_float
from visionfw.runs.checkpoints import load_run
from visionfw.training.diagnosis import describe_nonfinite
from visionfw.training.fit import train
from visionfw.training.models import compile_for_training
from visionfw.training.preflight import preflight

PLAIN = training(
    model_args={"blocks": 1, "filters": 8},
    batch_size=4,
    patch_size=12,
    steps=12,
    validate_every=6,
    sampler="uniform",
    loss="l1",
    optimizer="adam",
    learning_rate=1e-3,
    ema=0.9,
    precision="float32",
)
REQUEST = change(PLAIN, adversarial="relativistic", adversarial_weight=0.1, discriminator_args={"filters": 4, "strided": 2})


def evaluation(**flags):
    return from_flags(EvaluateConfig, flags)


def quiet(line):
    pass


def begun_with(run, **changes):
    """Return the request that begins with a run."""
    return change(REQUEST, **({"init_from": str(run.folder), "model_args": {}} | changes))


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run without a discriminator, to begin with."""
    return train(change(PLAIN, run_dir=str(tmp_path_factory.mktemp("runs") / "begun")), quiet)


@pytest.fixture(scope="module")
def whole(begun, tmp_path_factory):
    """An adversarial run from there, and what was said."""
    said = []
    return train(begun_with(begun, run_dir=str(tmp_path_factory.mktemp("runs") / "whole")), said.append), said


@pytest.mark.parametrize("game", ["vanilla", "lsgan", "relativistic"])
def test_each_network_learns_from_its_own_loss_alone(game, monkeypatch):
    """One gradient of the joint loss equals two, each computed as textbooks do: with the other network held still."""
    import tensorflow as tf

    monkeypatch.setattr(gan, "_MAX_SHIFT", 1)
    plan = plan_of(change(REQUEST, adversarial=game), quiet)
    made = compile_for_training(plan)
    learner, judge = made.train_model, made.discriminator
    lr, hr = plan.patches.read(np.arange(4))
    real = uint8_to_float(hr, "rgb")
    with tf.GradientTape() as tape:
        loss = learner.compute_loss(lr, tf.constant(hr), learner(lr, training=True))
    joint = tape.gradient(loss, [variable.value for variable in learner.trainable_variables])
    # the power iteration moves with every look, so the textbook's three looks come in the same order
    for layer in judge.layers:
        if hasattr(layer, "left"):
            layer.left.assign(initial_left(plan, layer.name))
    with tf.GradientTape(persistent=True) as tape:
        real_logits = judge(real, training=True)
        fake_logits = judge(tf.stop_gradient(made.model(uint8_to_float(lr, "rgb"))), training=True)
        judging = learner.gan_loss.discriminator(real_logits, fake_logits)
        sr = made.model(uint8_to_float(lr, "rgb"))
        making = tf.reduce_mean(tf.abs(sr - real)) + 0.1 * learner.gan_loss.generator(real_logits, judge(sr, training=True))
    generators, judges = ([variable.value for variable in model.trainable_variables] for model in (made.model, judge))
    for gradient, expected in zip(joint, [*tape.gradient(making, generators), *tape.gradient(judging, judges)], strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=2e-3, atol=2e-6)


def initial_left(plan, name):
    """Return a layer's power iteration as it was before the first look."""
    return compile_for_training(plan).discriminator.get_layer(name).left.numpy()


@pytest.mark.parametrize("judge", ["patch_discriminator", "unet_discriminator", "srgan_discriminator"])
def test_a_critic_of_any_kind_is_held_to_a_slope_of_one(judge):
    """With a penalty that cannot be 0, the critic's loss has a gradient at every kernel; the dense one is refused only with batch normalization."""
    import tensorflow as tf

    arguments = {"filters": 2} | ({"dense": 4, "norm": False} if judge == "srgan_discriminator" else {})
    plan = plan_of(change(REQUEST, adversarial="wgan_gp", discriminator=judge, discriminator_args=arguments), quiet)
    made = compile_for_training(plan)
    lr, hr = plan.patches.read(np.arange(4))
    with tf.GradientTape() as tape:
        loss = made.train_model.compute_loss(lr, tf.constant(hr), made.train_model(lr, training=True))
    gradients = tape.gradient(loss, [variable.value for variable in made.discriminator.trainable_variables if len(variable.shape) == 4])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
    assert float(made.train_model.figures["discriminator"].result()) > 1  # ten times the squared distance of a small slope from 1


def test_the_generator_runs_once_a_step(monkeypatch):
    plan = plan_of(REQUEST, quiet)
    learner = compile_for_training(plan).train_model
    calls = []
    call = type(learner.generator).call
    monkeypatch.setattr(type(learner.generator), "call", lambda self, *a, **k: (calls.append(self is learner.generator), call(self, *a, **k))[1])
    lr, hr = plan.patches.read(np.arange(4))
    learner.run_eagerly = True
    learner.train_on_batch(lr, hr)
    assert calls.count(True) == 1


def test_the_history_tells_of_the_game(whole):
    run, said = whole
    rows = history_of(run)
    assert [row["step"] for row in rows] == [6, 12]
    for row in rows:
        assert 0 <= row["real_accuracy"] <= 1 and 0 <= row["fake_accuracy"] <= 1
        assert row["loss"] == pytest.approx(row["content"] + 0.1 * row["adversarial"] + row["discriminator"], rel=1e-4)
    assert any("adversarial " in line and "(accuracy: real " in line and "color shift " in line for line in said)
    assert run.discriminator.exists() and run.initial.exists()


def test_it_begins_with_the_runs_weights_and_keeps_the_last(begun, whole):
    run, said = whole
    plan = plan_of(begun_with(begun), quiet)
    for ours, theirs in zip(compile_for_training(plan).train_model.generator.get_weights(), load_run(begun).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert "last validation" in said[-1]
    assert run.read()["best"]["step"] == 12


@pytest.mark.slow
def test_both_networks_go_on_as_if_nothing_had_happened(begun, whole, tmp_path):
    run = interrupted(begun_with(begun), tmp_path / "run", 9)
    train(begun_with(begun, init_from="gone", run_dir=str(run.folder)), quiet, resume=True)  # the run brings what it began with along
    assert_same_weights(run, whole[0])
    for ours, theirs in zip(history_of(run), history_of(whole[0]), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_plays_on_other_backends(backend, tmp_path, root):
    """By the game that asks most of a backend: a gradient of a gradient."""
    pytest.importorskip(backend)
    line = [sys.executable, "train.py", "--model_args=blocks=1,filters=4", "--steps=3", "--validate_every=3", "--batch_size=2", "--patch_size=12"]
    line += ["--adversarial=wgan_gp", "--discriminator_args=filters=2,strided=1", f"--run_dir={tmp_path / 'run'}"]
    done = subprocess.run(line, cwd=root, env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "last validation" in done.stdout


@pytest.mark.slow
def test_a_tanh_generator_plays_too(tmp_path):
    """SRGAN as its reports have it: SRResNet with a tanh end against the dense discriminator."""
    request = change(
        REQUEST,
        model="srresnet",
        model_args={"blocks": 1, "filters": 4, "tanh": True},
        adversarial="vanilla",
        discriminator="srgan_discriminator",
        discriminator_args={"filters": 2, "dense": 4},
        steps=2,
        validate_every=2,
        loss="mse+2e-8*total_variation",
        run_dir=str(tmp_path / "run"),
    )
    run = train(request, quiet)
    assert np.isfinite(history_of(run)[0]["val_psnr"])


def test_what_is_not_finite_is_found_in_the_discriminator():
    plan = plan_of(REQUEST, quiet)
    made = compile_for_training(plan)
    lr, hr = plan.patches.read(np.arange(4))
    assert "the loss of this batch is finite" in describe_nonfinite(made, plan, lr, hr)
    last = made.discriminator.layers[-1]
    last.set_weights([np.full_like(weight, np.nan) for weight in last.get_weights()])
    assert describe_nonfinite(made, plan, lr, hr) == "not finite: loss term adversarial (the discriminator's logits)"


FAIR = {"real_accuracy": 0.7, "fake_accuracy": 0.8, "color_shift": 0.5}


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({"real_accuracy": 1.0, "fake_accuracy": 0.995}, "the discriminator is correct on 99.5% of the images"),
        ({"real_accuracy": 0.002}, "the discriminator has collapsed, it is wrong on 99.8%"),
        ({"color_shift": 5.0}, "mean colors differ from the LR patches by 5.0 gray levels"),
    ],
)
def test_what_goes_wrong_is_told(figures, sentence):
    (said,) = training_warnings(FAIR | figures, 0.4, "vanilla")
    assert said.startswith(sentence)
    assert training_warnings(FAIR, 0.4, "vanilla") == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"adversarial": "relativstic"}, "--adversarial: no GAN loss 'relativstic'; did you mean 'relativistic'?"),
        ({"content_loss": "vg"}, "--content_loss: no loss 'vg'; did you mean 'vgg'?"),
        ({"adversarial_weight": -1.0}, "--adversarial_weight must be a finite number of at least 0, not -1.0"),
        ({"discriminator_optimizer": "adan"}, "--discriminator_optimizer: no optimizer 'adan'; did you mean 'adam"),
        ({"init_from": "x", "initializer": "normal:0.1"}, "--init_from brings weights along, so --initializer has nothing to initialize"),
        ({"init_from": "x", "standardize_input": True}, "--init_from brings its model's dictionary along, so --standardize_input cannot change it"),
    ],
)
def test_a_wrong_request_is_told_at_the_door(changes, sentence):
    with pytest.raises(RequestError) as told:
        change(REQUEST, **({"discriminator_args": {}} | changes))
    assert sentence in str(told.value)


@pytest.mark.parametrize("flags", [{"content_loss": "l1"}, {"discriminator_lr": 1e-4}])
def test_flags_of_a_game_need_a_game(flags):
    with pytest.raises(RequestError, match=f"^--{next(iter(flags))} belongs to --adversarial; give both, or leave it out$"):
        change(PLAIN, **flags)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"discriminator": "srresnet", "discriminator_args": {}}, "--discriminator=srresnet: a discriminator has one input, and an output named 'logits' or"),
        ({"discriminator": "patch_discriminatr"}, "no model 'patch_discriminatr'; did you mean 'patch_discriminator'?"),
        ({"discriminator_args": {"filter": 4}}, "no argument 'filter'; did you mean 'filters'?"),
        ({"discriminator": "srgan_discriminator", "discriminator_args": {"patch_size": 96}}, "its arguments say patch_size=96, the run 48"),
        (
            {"discriminator": "srgan_discriminator", "discriminator_args": {"filters": 2, "dense": 4}, "adversarial": "wgan_gp"},
            "has batch normalization, which wgan_gp's penalty of single images does not go with",
        ),
        ({"model": "srcnn", "model_args": {}}, "judges images of any x any x 3, the generator makes 48 x 48 x 1"),
        ({"init_from": "nowhere", "model_args": {}}, "nowhere"),
        ({"discriminator": "unet_discriminator", "discriminator_args": {}, "patch_size": 11}, "cannot judge patches of 44 x 44 pixels"),
        ({"feature_weights": "vgg19=x"}, "--feature_weights belongs to a loss that compares features: vgg"),
        (
            {"content_loss": "l1+0.01*vgg", "loss": None},
            r"--content_loss=l1\+0\.01\*vgg:.* needs the weights of VGG19 of ImageNet, .*--allow_download; for a pixel loss alone: --content_loss=l1$",
        ),
        ({"content_loss": "l1+ssim", "loss": None, "patch_size": 2}, "--content_loss=ssim: needs HR patches of at least 11 x 11, not 8 x 8"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_written(changes, sentence, tmp_path):
    with pytest.raises(VisionfwError, match=sentence):
        train(change(REQUEST, **changes, run_dir=str(tmp_path / "run")), quiet)
    assert not (tmp_path / "run").exists()


def test_a_feature_loss_needs_colors(tmp_path):
    with pytest.raises(VisionfwError, match=r"--loss=vgg:.*: compares RGB images, and SRCNN makes luma alone"):
        train(change(PLAIN, model="srcnn", model_args={}, loss="vgg", run_dir=str(tmp_path / "run")), quiet)


def test_a_run_of_another_scale_is_not_begun_with(begun):
    with pytest.raises(RequestError, match="the run has scale 4, not 2; give --scale=4"):
        plan_of(begun_with(begun, scale=2), quiet)


def test_weights_between_two_runs(begun, whole, capsys, tmp_path):
    from visionfw.cli.evaluate import run as evaluate

    evaluate("evaluate.py", [f"--run={whole[0].folder}", f"--interpolate={begun.folder}:1", f"--report={tmp_path / 'x.json'}"])
    evaluate("evaluate.py", [f"--run={begun.folder}", f"--report={tmp_path / 'y.json'}"])
    import json

    x, y = (json.loads((tmp_path / name).read_text())["rows"][0] for name in ("x.json", "y.json"))
    assert x["psnr"] == pytest.approx(y["psnr"], abs=1e-3)
    assert "1 of the way to" in x["weights"]
    middle = [(a + b) / 2 for a, b in zip(load_run(begun).get_weights(), load_run(whole[0]).get_weights(), strict=True)]
    from visionfw.evaluation.loaded_model import load_for_evaluation

    found = load_for_evaluation(evaluation(run=str(begun.folder), interpolate=f"{whole[0].folder}:0.5")).model.get_weights()
    for ours, expected in zip(found, middle, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("x", "must be RUN:FRACTION with a fraction from 0 to 1"), ("x:2", "must be RUN:FRACTION"), ("nowhere:0.5", "nowhere")],
)
def test_a_wrong_interpolation_is_told(text, sentence, begun):
    from visionfw.evaluation.loaded_model import load_for_evaluation

    with pytest.raises(RequestError, match=sentence):
        load_for_evaluation(evaluation(run=str(begun.folder), interpolate=text))


def test_another_model_is_not_interpolated_with(begun, tmp_path):
    from visionfw.evaluation.loaded_model import load_for_evaluation

    other = train(
        change(PLAIN, model_args={"blocks": 1, "filters": 4}, steps=1, run_dir=str(tmp_path / "o")),
        quiet,
    )
    with pytest.raises(RequestError, match="its model's dictionary differs from that of run"):
        load_for_evaluation(evaluation(run=str(begun.folder), interpolate=f"{other.folder}:0.5"))


def test_a_discriminator_may_tell_probabilities_alone():
    """Its logits are found again, of a dictionary with one output."""
    d = {
        "name": "Prob",
        "inputs": {"image": 0},
        "outputs": {"probability": "p"},
        "conv": [(0, "logit")],
        "conv_par": [{"filters": 1}],
        "activation": [("logit", "p")],
        "activation_sub": "sigmoid",
    }
    model = build_discriminator(examine(d))
    images = np.random.default_rng(0).normal(0, 3, (2, 8, 8, 3)).astype(np.float32)
    plain = keras.Model(model.input, model.get_layer("conv_logit").output)
    np.testing.assert_allclose(model(images), plain(images), atol=1e-3)
    assert np.isfinite(keras.ops.convert_to_numpy(Logits()(np.array([[0.0], [1.0]], np.float32)))).all()


def test_a_ranking_can_be_adversarial():
    """With the defaults of adversarial training."""
    config = ranking(train_sets="embedded/train,embedded/test", test_sets="embedded/test", out="x", adversarial="vanilla")
    settled = preflight(config.request_for("embedded/train", 0)).config
    assert dict(settled.gan.discriminator_args) == {"filters": 32, "strided": 2}
    assert settled.optimizer.optimizer.name == "adam"
