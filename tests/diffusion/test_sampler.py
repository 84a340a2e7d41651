"""Sampling: equal seeds give equal images, batches and tiles change nothing but the noise."""

from dataclasses import replace

import numpy as np
import pytest

import visionfw as vf
from visionfw.diffusion import SAMPLING, parse_noise_schedule
from visionfw.diffusion.sampler import DiffusionSampler
from visionfw.diffusion.target import Target
from visionfw.errors import VisionfwError
from visionfw.inference import checked_run
from visionfw.runs.checkpoints import load_run


@pytest.fixture(scope="module")
def sampler(diffusion_run):
    """A sampler of the small trained model that takes two denoising steps."""
    return DiffusionSampler(load_run(diffusion_run), parse_noise_schedule("linear"), Target("residual", "v"), 4, steps=2)


def images(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize("method", ["ddim", "ddpm", "ddim:eta=0.5"])
def test_equal_seeds_give_equal_images(sampler, method):
    sampler = replace(sampler, sampling=SAMPLING.parse(method))
    lr = images(9, 10, 3)
    sr = sampler(lr)
    assert sr.shape == (36, 40, 3) and sr.min() >= 0 and sr.max() <= 1
    np.testing.assert_array_equal(sr, sampler(lr))
    assert np.abs(sr - replace(sampler, seed=1)(lr)).max() > 0.01


def test_sampling_methods_give_different_images(sampler):
    lr = images(9, 10, 3)
    assert np.abs(sampler(lr) - replace(sampler, sampling=SAMPLING.parse("ddpm"))(lr)).max() > 1e-3


def test_images_of_a_batch_differ_in_their_noise_alone(diffusion_run):
    """The noise of a batch is drawn image by image: with a single step, whose fresh noise has no weight, the first image is that of a batch of one."""
    sampler = DiffusionSampler(load_run(diffusion_run), parse_noise_schedule("linear"), Target("residual", "v"), 4, steps=1)
    batch = images(2, 8, 8, 3)
    sr = sampler.upscale_batch(batch)
    assert sr.shape == (2, 32, 32, 3)
    np.testing.assert_allclose(sr[0], sampler(batch[0]), atol=1e-5)


def test_tiles_of_a_network_with_a_small_receptive_field_are_the_whole_image():
    model = vf.build(
        {
            "name": "Local",
            "scale": 2,
            "pre_upsample": "bicubic",
            "inputs": {"lr": "lr", "noisy": "noisy", "noise_level": "level"},
            "shapes": {"noise_level": [1]},
            "outputs": {"noise": "noise"},
            "merge": [("lr", "noisy", "joined"), ("head", "shift", "shifted")],
            "merge_sub": ["Concatenate", "Add"],
            "layer": [("level", "shift")],
            "layer_sub": "Dense",
            "layer_par": {"units": 8},
            "conv": [("joined", "head"), ("shifted", "noise")],
            "conv_par": [{"filters": 8}, {"filters": 3}],
        }
    )
    sampler = DiffusionSampler(model, parse_noise_schedule("linear:steps=10,first=0.01,last=0.5"), Target("image"), 2, steps=4, tile=0)
    lr = images(60, 70, 3)
    np.testing.assert_allclose(replace(sampler, tile=16)(lr), sampler(lr), atol=2e-5)


def test_a_perfect_network_gives_the_image():
    """A network that predicts the noise of a known image is followed to that image, by every sampling method."""

    class Perfect:
        name, input = "Perfect", {"noise_level": None}

    schedule, target, lr = parse_noise_schedule("cosine:steps=50"), Target("image"), images(4, 4, 3)
    image = np.kron(lr, np.ones((2, 2, 1), np.float32))[None]

    class PerfectSampler(DiffusionSampler):
        _side_multiple = 1

        def _predict(self, lr, noisy, level):
            return (noisy - level * (2 * image - 1)) / np.sqrt(1 - level**2)

    for method in SAMPLING:
        sr = PerfectSampler(Perfect(), schedule, target, 2, steps=50, sampling=SAMPLING.parse(method)).upscale_batch(lr[None])
        np.testing.assert_allclose(sr, image, atol=1e-4)


@pytest.mark.parametrize(("dtype", "shape"), [(np.uint8, (6, 5)), (np.uint16, (6, 5, 3))])
def test_pixels_keep_their_dtype_and_axes(sampler, dtype, shape):
    sr = sampler.upscale_image(np.full(shape, 200, dtype))
    assert sr.dtype == dtype
    assert sr.shape == (24, 20, *shape[2:])


def test_every_denoising_step_is_reported(sampler):
    steps = []
    replace(sampler, steps=3, on_step=lambda: steps.append(1))(images(4, 4, 3))
    assert len(steps) == 3


def test_too_little_memory_is_one_line(sampler, monkeypatch):
    def out_of_memory(model):
        def fail(batch):
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")

        return fail

    monkeypatch.setattr(checked_run, "forward_pass", out_of_memory)
    with pytest.raises(VisionfwError, match=r"^SR3: not enough memory to upscale 10 x 8 pixels at once; use smaller tiles, --tile=5$"):
        sampler(images(8, 10, 3))
