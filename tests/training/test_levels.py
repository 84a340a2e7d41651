"""Models of several image outputs: a loss for each, against the HR image shrunk to its size."""

import keras
import numpy as np
import pytest
from configs import plan_of, silent, training

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.graph.checking.check import examine
from visionfw.imaging.resize import imresize
from visionfw.io.files import write_json
from visionfw.metrics.tensors import psnr_per_image
from visionfw.training.fit import train
from visionfw.training.levels import level_scales, loss_at_level, shrinking_matrix
from visionfw.training.models import compile_for_training

PYRAMID = {
    "name": "pyramid",
    "scale": 4,
    "outputs": {"x2": "x2", "sr": "x4"},
    "defaults": {"conv": {"filters": 12}},
    "links": [
        (0, ["Conv2D", "PixelShuffle"], "half"),
        ("half", "linear", "x2"),
        ("half", ["Conv2D", "PixelShuffle"], "x4"),
    ],
}


def config_of(tmp_path, d=PYRAMID, **flags):
    write_json(tmp_path / "model.json", vf.canonicalize(d))
    values = {"model": str(tmp_path / "model.json"), "batch_size": 2, "patch_size": 12, "steps": 2, "loss": "mse", "precision": "float32", "sampler": "uniform"}
    return training(**values | flags)


@pytest.mark.parametrize(("old", "new"), [(48, 24), (48, 12), (36, 24), (30, 20)])
def test_the_reference_is_shrunk_as_imresize_does(old, new):
    image = np.random.default_rng(0).random((old, old, 3))
    matrix = shrinking_matrix(old, new)
    np.testing.assert_allclose(np.einsum("ri,ijc,sj->rsc", matrix, image, matrix), imresize(image, new / old), atol=1e-6)


def test_scales_of_outputs_are_in_lr_pixels_whatever_the_network_reads():
    assert level_scales(examine(PYRAMID)) == {"x2": 2}
    assert level_scales(examine(vf.definition("lapsrn", scale=8, every_level=True))) == {"x2": 2, "x4": 4}
    upscaled = {
        "name": "u",
        "pre_upsample": "bicubic",
        "outputs": {"first": 1, "sr": 2},
        "links": [(0, "Conv2D", 1, {"filters": 3}), (1, "Conv2D", 2, {"filters": 3})],
    }
    assert level_scales(examine(upscaled, 3)) == {"first": 3}


def test_the_training_loss_is_the_sum_over_all_outputs(tmp_path):
    plan = plan_of(config_of(tmp_path))
    models = compile_for_training(plan)
    lr, hr = plan.patches.read(np.arange(2))
    outputs = models.train_model(lr, training=True)
    reference = hr.astype(np.float32) / 255
    half = np.stack([imresize(image, 1 / 2) for image in reference])
    expected = np.mean((outputs["sr"] - reference) ** 2) + np.mean((outputs["x2"] - half) ** 2)
    logs = models.train_model.train_on_batch(lr, hr, return_dict=True)
    assert float(logs["loss"]) == pytest.approx(float(expected), rel=1e-4)
    psnr = keras.ops.mean(psnr_per_image(reference, outputs["sr"]))
    assert float(logs["psnr"]) == pytest.approx(float(psnr), rel=1e-3)


def test_every_output_has_a_gradient(tmp_path):
    """A kernel behind the smaller output alone is trained by its loss alone."""
    d = PYRAMID | {"links": [*PYRAMID["links"][:1], ("half", "Conv2D", "x2", {"filters": 3, "kernel_size": 1}), *PYRAMID["links"][2:]]}
    models = compile_for_training(plan_of(config_of(tmp_path, d)))
    before = keras.ops.convert_to_numpy(models.model.get_layer("conv_x2").kernel).copy()
    models.train_model.train_on_batch(np.full((2, 12, 12, 3), 90, np.uint8), np.full((2, 48, 48, 3), 200, np.uint8))
    assert not np.allclose(before, keras.ops.convert_to_numpy(models.model.get_layer("conv_x2").kernel))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pyramid", "lapsrn"])
def test_a_run_is_trained_validated_and_evaluated_by_its_full_size_output(name, tmp_path, command):
    d = {"pyramid": PYRAMID, "lapsrn": vf.definition("lapsrn", scale=4, layers=2, every_level=True)}[name]
    log = []
    run = train(config_of(tmp_path, d, run_dir=str(tmp_path / "run"), sampler="hardest"), log.append)
    assert any("outputs beside sr: x2 at x2; each is compared with the shrunk HR image" in line for line in log)
    status, _, errors = command("evaluate", f"--run={run.folder}")
    assert (status, errors) == (0, "")
    assert vf.upscale(vf.load(run.folder), np.zeros((9, 7, 3), np.uint8)).shape == (36, 28, 3)


def test_the_same_size_is_compared_with_the_image_itself():
    def loss(reference, output):
        return reference

    assert loss_at_level(loss, 48, 48) is loss


@pytest.mark.parametrize(
    ("change", "flags", "sentence"),
    [
        ({"outputs": {"x2": "x2", "sr": "x4"}}, {"adversarial": "vanilla"}, r"pyramid: has several outputs \(sr, x2\), and adversarial training is of one"),
        ({"outputs": {"logits": "x2", "sr": "x4"}}, {}, "there is no loss for its output 'logits'; outputs beside 'sr' are images at smaller scales"),
        ({"outputs": {"x4": "x4", "sr": "x2"}, "scale": None}, {"scale": 2}, "has another scale than declared"),
        ({}, {"loss": "ssim", "patch_size": 4}, "--loss=ssim"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, flags, sentence, tmp_path):
    d = {key: value for key, value in (PYRAMID | change).items() if value is not None}
    with pytest.raises(RequestError, match=sentence):
        plan_of(config_of(tmp_path, d, **flags))


def test_a_level_that_patches_do_not_come_out_even_for_is_refused(tmp_path):
    d = {
        "name": "thirds",
        "scale": 3,
        "outputs": {"small": "small", "sr": "sr"},
        "links": [(0, [("Conv2D", {"filters": 27}), ("PixelShuffle", {"size": 3})], "sr"), ("sr", "AveragePooling2D", "small", {"pool_size": 2})],
    }
    with pytest.raises(RequestError, match=r"--patch_size=13: must be a multiple of 2, because output 'small' has scale 1\.5"):
        plan_of(config_of(tmp_path, d, patch_size=13, scale=3))
    train(config_of(tmp_path, d, patch_size=12, scale=3, run_dir=str(tmp_path / "run"), steps=1), silent)
