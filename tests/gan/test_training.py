"""A generator and a discriminator in one fit: their gradients, the log, exact resume, and what is refused."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from configs import change, plan_of, silent, training
from rankings import ranking
from runs import assert_same_weights, history_of, interrupted

from visionfw.config import from_flags
from visionfw.errors import RequestError, VisionfwError
from visionfw.evaluation.config import EvaluateConfig
from visionfw.gan.training import format_metrics, training_warnings
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


def begun_with(run, **changes):
    """Return the request that begins with a run."""
    return change(REQUEST, **({"init_from": str(run.folder), "model_args": {}} | changes))


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run without a discriminator, to begin with."""
    return train(change(PLAIN, run_dir=str(tmp_path_factory.mktemp("runs") / "begun")), silent)


@pytest.fixture(scope="module")
def whole(begun, tmp_path_factory):
    """An adversarial run from there, and its log."""
    log = []
    return train(begun_with(begun, run_dir=str(tmp_path_factory.mktemp("runs") / "whole")), log.append), log


@pytest.mark.parametrize("gan_loss", ["vanilla", "lsgan", "relativistic"])
def test_each_network_is_trained_by_its_own_loss_alone(gan_loss):
    """The gradient of the joint loss equals two gradients computed as in textbooks, each with the other network constant."""
    import tensorflow as tf

    plan = plan_of(change(REQUEST, adversarial=gan_loss))
    models = compile_for_training(plan)
    gan, discriminator = models.train_model, models.discriminator
    gan.max_shift = 1
    lr, hr = plan.patches.read(np.arange(4))
    real = uint8_to_float(hr, "rgb")
    with tf.GradientTape() as tape:
        loss = gan.compute_loss(lr, tf.constant(hr), gan(lr, training=True))
    joint = tape.gradient(loss, [variable.value for variable in gan.trainable_variables])
    # every call advances the power iteration of spectral normalization, so the textbook's three calls come in the same order
    for layer in discriminator.layers:
        if hasattr(layer, "left"):
            layer.left.assign(initial_left(plan, layer.name))
    with tf.GradientTape(persistent=True) as tape:
        real_logits = discriminator(real, training=True)
        fake_logits = discriminator(tf.stop_gradient(models.model(uint8_to_float(lr, "rgb"))), training=True)
        discriminator_loss = gan.gan_loss.discriminator(real_logits, fake_logits)
        sr = models.model(uint8_to_float(lr, "rgb"))
        generator_loss = tf.reduce_mean(tf.abs(sr - real)) + 0.1 * gan.gan_loss.generator(real_logits, discriminator(sr, training=True))
    generators, discriminators = ([variable.value for variable in model.trainable_variables] for model in (models.model, discriminator))
    separate = [*tape.gradient(generator_loss, generators), *tape.gradient(discriminator_loss, discriminators)]
    for gradient, expected in zip(joint, separate, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=2e-3, atol=2e-6)


def initial_left(plan, name):
    """Return a layer's power iteration as it was before the first call."""
    return compile_for_training(plan).discriminator.get_layer(name).left.numpy()


@pytest.mark.parametrize("discriminator", ["patch_discriminator", "unet_discriminator", "srgan_discriminator"])
def test_the_gradient_penalty_reaches_every_kernel_of_any_critic(discriminator):
    import tensorflow as tf

    arguments = {"filters": 2} | ({"dense": 4, "norm": False} if discriminator == "srgan_discriminator" else {})
    plan = plan_of(change(REQUEST, adversarial="wgan_gp", discriminator=discriminator, discriminator_args=arguments))
    models = compile_for_training(plan)
    lr, hr = plan.patches.read(np.arange(4))
    with tf.GradientTape() as tape:
        loss = models.train_model.compute_loss(lr, tf.constant(hr), models.train_model(lr, training=True))
    kernels = [variable.value for variable in models.discriminator.trainable_variables if len(variable.shape) == 4]
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, kernels))
    assert float(models.train_model.gan_metrics["discriminator"].result()) > 1  # ten times the squared distance of a small slope from 1


def test_the_weight_of_the_gradient_penalty_is_an_option():
    """Without it the critic's loss is a difference of means, near 0 for a new critic."""
    values = []
    for text in ("wgan_gp:penalty=1e-9", "wgan_gp", "wgan_gp:penalty=20"):
        plan = plan_of(change(REQUEST, adversarial=text))
        model = compile_for_training(plan).train_model
        lr, hr = plan.patches.read(np.arange(4))
        model.compute_loss(lr, keras.ops.convert_to_tensor(hr), model(lr, training=True))
        values.append(float(model.gan_metrics["discriminator"].result()))
    assert values[2] - values[0] == pytest.approx(2 * (values[1] - values[0]), rel=1e-4)
    assert values[1] - values[0] > 1


def test_the_generator_runs_once_a_step(monkeypatch):
    plan = plan_of(REQUEST)
    model = compile_for_training(plan).train_model
    calls, call = [], type(model.generator).call

    def counted(self, *arguments, **options):
        calls.append(self is model.generator)
        return call(self, *arguments, **options)

    monkeypatch.setattr(type(model.generator), "call", counted)
    model.run_eagerly = True
    model.train_on_batch(*plan.patches.read(np.arange(4)))
    assert calls.count(True) == 1


def test_the_history_and_the_log_have_the_metrics_of_both_networks(whole):
    run, log = whole
    rows = history_of(run)
    assert [row["step"] for row in rows] == [6, 12]
    for row in rows:
        assert 0 <= row["real_accuracy"] <= 1 and 0 <= row["fake_accuracy"] <= 1
        assert row["loss"] == pytest.approx(row["content"] + 0.1 * row["adversarial"] + row["discriminator"], rel=1e-4)
    (line,) = (line for line in log if line.startswith("step 12/12: "))
    assert line.startswith(f"step 12/12: {format_metrics(rows[1])}, training ")
    assert run.discriminator.exists() and run.initial.exists()


def test_it_begins_with_the_runs_weights_and_keeps_the_last(begun, whole):
    run, log = whole
    plan = plan_of(begun_with(begun))
    for ours, theirs in zip(compile_for_training(plan).train_model.generator.get_weights(), load_run(begun).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert "last validation" in log[-1]
    assert run.read()["best"]["step"] == 12


@pytest.mark.slow
def test_both_networks_resume_exactly(begun, whole, tmp_path):
    run = interrupted(begun_with(begun), tmp_path / "run", 9)
    train(begun_with(begun, init_from="gone", run_dir=str(run.folder)), silent, resume=True)  # the run keeps the weights that it began with
    assert_same_weights(run, whole[0])
    for ours, theirs in zip(history_of(run), history_of(whole[0]), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_trains_on_other_backends(backend, tmp_path, root):
    """With the GAN loss that asks most of a backend: a gradient of a gradient."""
    pytest.importorskip(backend)
    line = [sys.executable, "train.py", "--model_args=blocks=1,filters=4", "--steps=3", "--validate_every=3", "--batch_size=2", "--patch_size=12"]
    line += ["--adversarial=wgan_gp", "--discriminator_args=filters=2,strided=1", f"--run_dir={tmp_path / 'run'}"]
    done = subprocess.run(line, cwd=root, env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "last validation" in done.stdout


@pytest.mark.slow
def test_a_tanh_generator_trains_too(tmp_path):
    """SRGAN as it was published: SRResNet with a tanh output against the dense discriminator."""
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
    run = train(request, silent)
    assert np.isfinite(history_of(run)[0]["val_psnr"])


def test_what_is_not_finite_is_found_in_the_discriminator():
    plan = plan_of(REQUEST)
    models = compile_for_training(plan)
    lr, hr = plan.patches.read(np.arange(4))
    assert "the loss of this batch is finite" in describe_nonfinite(models, plan, lr, hr)
    last = models.discriminator.layers[-1]
    last.set_weights([np.full_like(weight, np.nan) for weight in last.get_weights()])
    assert describe_nonfinite(models, plan, lr, hr) == "not finite: loss term adversarial (the discriminator's logits)"


FAIR = {"real_accuracy": 0.7, "fake_accuracy": 0.8, "color_shift": 0.5}


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (
            {"real_accuracy": 1.0, "fake_accuracy": 0.995},
            "the discriminator is correct on 99.5% of the images and gives the generator little gradient: try a lower --discriminator_lr",
        ),
        ({"real_accuracy": 0.002}, "the discriminator has collapsed, it is wrong on 99.8% of the real or fake images: try a higher --discriminator_lr"),
        ({"color_shift": 5.0}, "mean colors differ from the LR patches by 5.0 gray levels: try a lower --adversarial_weight"),
    ],
)
def test_what_goes_wrong_is_a_warning(metrics, sentence):
    assert training_warnings(FAIR | metrics, 0.4, saturates=True) == [sentence]
    assert training_warnings(FAIR, 0.4, saturates=True) == []


def test_a_critic_may_separate_all_images():
    assert training_warnings(FAIR | {"real_accuracy": 1.0, "fake_accuracy": 1.0}, 0.4, saturates=False) == []


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
def test_a_wrong_request_is_refused_when_it_is_made(changes, sentence):
    with pytest.raises(RequestError) as refusal:
        change(REQUEST, **({"discriminator_args": {}} | changes))
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("flags", [{"content_loss": "l1"}, {"discriminator_lr": 1e-4}])
def test_flags_of_adversarial_training_need_a_gan_loss(flags):
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
            "has batch normalization, which does not work with --adversarial=wgan_gp",
        ),
        ({"model": "srcnn", "model_args": {}}, "takes images of any x any x 3, but the generator's patches are 48 x 48 x 1"),
        ({"init_from": "nowhere", "model_args": {}}, "nowhere"),
        ({"discriminator": "unet_discriminator", "discriminator_args": {}, "patch_size": 11}, "cannot take patches of 44 x 44 pixels"),
        ({"feature_weights": "vgg19=x"}, "--feature_weights belongs to a loss that compares features: vgg"),
        (
            {"content_loss": "l1+0.01*vgg", "loss": None},
            r"--content_loss=l1\+0\.01\*vgg:.* needs the weights of VGG19 of ImageNet, .*--allow_download; for a pixel loss alone: --content_loss=l1$",
        ),
        ({"content_loss": "l1+ssim", "loss": None, "patch_size": 2}, "--content_loss=ssim: needs HR patches of at least 11 x 11, not 8 x 8"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(changes, sentence, tmp_path):
    with pytest.raises(VisionfwError, match=sentence):
        train(change(REQUEST, **changes, run_dir=str(tmp_path / "run")), silent)
    assert not (tmp_path / "run").exists()


def test_a_feature_loss_needs_colors(tmp_path):
    with pytest.raises(VisionfwError, match=r"--loss=vgg:.*: compares RGB images, and SRCNN makes luma alone"):
        train(change(PLAIN, model="srcnn", model_args={}, loss="vgg", run_dir=str(tmp_path / "run")), silent)


def test_training_does_not_begin_with_a_run_of_another_scale(begun):
    with pytest.raises(RequestError, match="the run has scale 4, not 2; give --scale=4"):
        plan_of(begun_with(begun, scale=2))


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

    weights = load_for_evaluation(evaluation(run=str(begun.folder), interpolate=f"{whole[0].folder}:0.5")).model.get_weights()
    for ours, expected in zip(weights, middle, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("x", "must be RUN:FRACTION with a fraction from 0 to 1"), ("x:2", "must be RUN:FRACTION"), ("nowhere:0.5", "nowhere")],
)
def test_a_wrong_interpolation_is_refused(text, sentence, begun):
    from visionfw.evaluation.loaded_model import load_for_evaluation

    with pytest.raises(RequestError, match=sentence):
        load_for_evaluation(evaluation(run=str(begun.folder), interpolate=text))


def test_another_model_cannot_be_interpolated_with(begun, tmp_path):
    from visionfw.evaluation.loaded_model import load_for_evaluation

    other = train(
        change(PLAIN, model_args={"blocks": 1, "filters": 4}, steps=1, run_dir=str(tmp_path / "o")),
        silent,
    )
    with pytest.raises(RequestError, match="its model's dictionary differs from that of run"):
        load_for_evaluation(evaluation(run=str(begun.folder), interpolate=f"{other.folder}:0.5"))


def test_a_ranking_can_be_adversarial():
    """With the defaults of adversarial training."""
    config = ranking(train_sets="embedded/train,embedded/test", test_sets="embedded/test", out="x", adversarial="vanilla")
    settled = preflight(config.request_for("embedded/train", 0)).config
    assert dict(settled.gan.discriminator_args) == {"filters": 32, "strided": 2}
    assert settled.optimizer.optimizer.name == "adam"
