"""A small diffusion model, trained for a few steps."""

import pytest
from configs import change, silent, training

from visionfw.training.fit import train

CONFIG = training(
    model="sr3",
    model_args={"filters": 8, "multiples": (1,), "attention": (), "groups": 2},
    batch_size=3,
    patch_size=4,
    steps=8,
    validate_every=4,
    sampler="uniform",
    loss="mse",
    optimizer="adam",
    learning_rate=1e-3,
    ema=0.9,
    sampling_steps=1,
    noise_target="residual",
)


@pytest.fixture(scope="session")
def small_images(tmp_path_factory):
    """A folder with one small image to validate on."""
    from visionfw.data.datasets import find_sets
    from visionfw.imaging.files import read_image, write_image

    folder = tmp_path_factory.mktemp("images")
    write_image(folder / "small.png", read_image(find_sets("embedded/test")[0].hr[1])[:48, :48])
    return folder


@pytest.fixture(scope="session")
def diffusion_config(small_images):
    """A short training of a small SR3."""
    return change(CONFIG, val_data=str(small_images))


@pytest.fixture(scope="session")
def diffusion_run(diffusion_config, tmp_path_factory):
    """The finished run of that training."""
    return train(change(diffusion_config, run_dir=str(tmp_path_factory.mktemp("runs") / "sr3")), silent)
