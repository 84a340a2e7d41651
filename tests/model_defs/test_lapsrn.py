"""LapSRN against its formula in plain PyTorch, with the keys of twtygqyy's implementation."""

import keras
import numpy as np
import pytest
from reference_models import SIZES, assert_opens, assert_same, images, output_of, outputs_of, randomized, torch

import visionfw as vf
from visionfw.weights.files import read_weights


def reference(levels=2, layers=3, filters=6, kernel=4, bias=False, channels=1):
    """Return the pyramid as a module: level by level, features doubled in size give the residual of the image doubled in size."""
    nn = torch().nn

    class Features(nn.Module):
        def __init__(self):
            super().__init__()
            steps = [nn.Conv2d(filters, filters, 3, padding=1, bias=bias) for _ in range(layers)]
            cut = {"padding": 1, "output_padding": kernel % 2}
            steps.append(nn.ConvTranspose2d(filters, filters, kernel, 2, bias=bias, **cut))
            self.cov_block = nn.Sequential(*(module for step in steps for module in (step, nn.LeakyReLU(0.2))))

        def forward(self, x):
            return self.cov_block(x)

    class Pyramid(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv_input = nn.Conv2d(channels, filters, 3, padding=1, bias=bias)
            for level in range(1, levels + 1):
                setattr(self, f"convt_I{level}", nn.ConvTranspose2d(channels, channels, 4, 2, 1, bias=False))
                setattr(self, f"convt_R{level}", nn.Conv2d(filters, channels, 3, padding=1, bias=bias))
                setattr(self, f"convt_F{level}", nn.Sequential(Features()))

        def every_level(self, x):
            features, found = nn.functional.leaky_relu(self.conv_input(x), 0.2), []
            for level in range(1, levels + 1):
                features = getattr(self, f"convt_F{level}")(features)
                x = getattr(self, f"convt_I{level}")(x) + getattr(self, f"convt_R{level}")(features)
                found.append(x)
            return found

        def forward(self, x):
            return self.every_level(x)[-1]

    return randomized(Pyramid(), gain=2)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {"scale": 4, "layers": 3, "filters": 6, "kernel_size": 4, "bias": False, "color": "y"}),
        ({"levels": 1, "bias": True, "channels": 3}, {"scale": 2, "bias": True, "color": "rgb"}),
        ({"levels": 3, "layers": 1}, {"scale": 8, "layers": 1}),
    ],
    ids=["x4", "x2", "x8"],
)
def test_files_open_and_are_written_with_the_same_keys(theirs, ours, tmp_path):
    module = reference(**theirs)
    opened = assert_opens(module, tmp_path, "lapsrn", ours, theirs.get("channels", 1))
    vf.save_weights(opened.model, tmp_path / "y.pth", names="reference")
    written = read_weights(tmp_path / "y.pth").arrays
    assert {key: tuple(values.shape) for key, values in module.state_dict().items()} == {key: values.shape for key, values in written.items()}


@pytest.mark.parametrize("size", SIZES)
def test_every_level_is_an_output(size, tmp_path):
    module = reference(levels=3)
    torch().save(module.state_dict(), tmp_path / "x.pth")
    model = vf.build(vf.definition("lapsrn", scale=8, layers=3, filters=6, kernel_size=4, bias=False, every_level=True))
    assert vf.load_weights(model, tmp_path / "x.pth") == []
    image = images(size, 1)
    for name, level in (("x2", 0), ("x4", 1), ("sr", 2)):
        expected = output_of(lambda x, level=level: module.every_level(x)[level], image)
        assert_same(keras.ops.convert_to_numpy(model(image, training=False)[name]), expected)


def test_doubling_the_image_starts_as_bilinear_upscaling():
    model = vf.build(vf.definition("lapsrn", scale=2, color="rgb", layers=1, filters=4))
    for layer in model.layers:
        if "residual" in layer.name:
            layer.set_weights([0 * weight for weight in layer.get_weights()])
    image = images((7, 9))
    expected = output_of(lambda x: torch().nn.functional.interpolate(x, scale_factor=2, mode="bilinear"), image)
    np.testing.assert_allclose(outputs_of(model, image)[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1e-6)
