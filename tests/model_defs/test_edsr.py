"""EDSR against its formula in plain PyTorch, with the keys of sanghyun-son's EDSR-PyTorch and of BasicSR."""

import numpy as np
import pytest
from reference_models import assert_opens, assert_same, images, output_of, outputs_of, randomized, torch

import visionfw as vf
from visionfw.weights.files import read_weights

MEAN = np.array([0.4488, 0.4371, 0.4040], np.float32)


def upsampler(scale, filters):
    nn = torch().nn
    steps = [3] if scale == 3 else [2] * (scale.bit_length() - 1)
    return nn.Sequential(*(module for step in steps for module in (nn.Conv2d(filters, filters * step**2, 3, padding=1), nn.PixelShuffle(step))))


def authors(scale=2, blocks=2, filters=6, residual_scale=1.0, channels=3):
    """Return EDSR as the authors write it: on images in 0..255, with the mean color in two 1x1 convolutions that are not learned."""
    nn = torch().nn

    def conv(before, after):
        return nn.Conv2d(before, after, 3, padding=1)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(conv(filters, filters), nn.ReLU(), conv(filters, filters))

        def forward(self, x):
            return x + residual_scale * self.body(x)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.sub_mean, self.add_mean = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
            self.head = nn.Sequential(conv(channels, filters))
            self.body = nn.Sequential(*(Residual() for _ in range(blocks)), conv(filters, filters))
            self.tail = nn.Sequential(upsampler(scale, filters), conv(filters, channels))

        def forward(self, x):
            x = self.head(self.sub_mean(255 * x))
            return self.add_mean(self.tail(x + self.body(x))) / 255

    module = randomized(Network())
    mean = MEAN if channels == 3 else MEAN.mean(keepdims=True)
    with torch().no_grad():
        for layer, sign in ((module.sub_mean, -1), (module.add_mean, 1)):
            layer.weight.copy_(torch().eye(channels)[:, :, None, None])
            layer.bias.copy_(torch().from_numpy(sign * 255 * mean))
    return module


def basicsr(scale=4, blocks=2, filters=6):
    """Return EDSR as BasicSR writes it."""
    nn = torch().nn

    def conv(before, after):
        return nn.Conv2d(before, after, 3, padding=1)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = conv(filters, filters), conv(filters, filters)

        def forward(self, x):
            return x + self.conv2(nn.functional.relu(self.conv1(x)))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv_first, self.conv_after_body, self.conv_last = conv(3, filters), conv(filters, filters), conv(filters, 3)
            self.body = nn.Sequential(*(Residual() for _ in range(blocks)))
            self.upsample = upsampler(scale, filters)

        def forward(self, x):
            mean = torch().from_numpy(MEAN)[:, None, None]
            x = self.conv_first((x - mean) * 255)
            return self.conv_last(self.upsample(x + self.conv_after_body(self.body(x)))) / 255 + mean

    return randomized(Network())


@pytest.mark.parametrize(("scale", "channels"), [(2, 3), (3, 1), (1, 3)])
def test_files_of_the_authors_open_and_are_written_with_the_same_keys(scale, channels, tmp_path):
    module = authors(scale, channels=channels)
    opened = assert_opens(module, tmp_path, "edsr", {"scale": scale, "blocks": 2, "filters": 6, "color": "y" if channels == 1 else "rgb"}, channels)
    assert any("assumed image_range=255.0, residual_scale=1.0" in remark for remark in opened.remarks)
    vf.save_weights(opened.model, tmp_path / "y.pth", names="reference")
    written = read_weights(tmp_path / "y.pth").arrays
    assert set(written) == set(module.state_dict())
    for key, values in module.state_dict().items():
        np.testing.assert_allclose(written[key], values, rtol=1e-6, err_msg=key)


@pytest.mark.parametrize("scale", [4, 8])
def test_files_of_basicsr_open(scale, tmp_path):
    assert_opens(basicsr(scale), tmp_path, "edsr", {"scale": scale, "blocks": 2, "filters": 6})


def test_the_scale_of_residuals_is_said_where_it_is_not_the_baselines(tmp_path):
    module = authors(residual_scale=0.1)
    torch().save(module.state_dict(), tmp_path / "x.pth")
    model = vf.build(vf.definition("edsr", scale=2, blocks=2, filters=6, residual_scale=0.1))
    assert vf.load_weights(model, tmp_path / "x.pth") == []
    assert_same(outputs_of(model, images((9, 14))), output_of(module, images((9, 14))))


def test_an_image_range_of_one_computes_in_the_images_own_range():
    layers = [layer.name for layer in vf.build(vf.definition("edsr", blocks=1, filters=4, image_range=1.0)).layers]
    assert "layer_ranged" not in layers and layers[-1] == "layer_unshifted"
