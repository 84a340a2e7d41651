"""MSRN against its formula, written in PyTorch after the paper and the authors' code: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes_into, randomized, torch


def _formula(scale, features=6, blocks=2, channels=3):
    """Return MSRN for images in 0..255 as a module whose keys are those of the authors' files."""
    torch()
    from torch import cat, eye, nn, relu, tensor

    def conv(read, made, side=3):
        return nn.Conv2d(read, made, side, padding=side // 2)

    def shift(sign):
        color = tensor([0.4488, 0.4371, 0.4040] if channels == 3 else [(0.4488 + 0.4371 + 0.4040) / 3])
        module = nn.Conv2d(channels, channels, 1)
        module.weight = nn.Parameter(eye(channels)[:, :, None, None], requires_grad=False)
        module.bias = nn.Parameter(sign * 255 * color, requires_grad=False)
        return module

    class MultiScale(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv_3_1, self.conv_5_1 = conv(features, features), conv(features, features, 5)
            self.conv_3_2, self.conv_5_2 = conv(2 * features, 2 * features), conv(2 * features, 2 * features, 5)
            self.confusion = conv(4 * features, features, 1)

        def forward(self, x):
            once = cat([relu(self.conv_3_1(x)), relu(self.conv_5_1(x))], 1)
            return x + self.confusion(cat([relu(self.conv_3_2(once)), relu(self.conv_5_2(once))], 1))

    class MSRN(nn.Module):
        def __init__(self):
            super().__init__()
            steps = {1: [], 2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}[scale]
            up = nn.Sequential(*[layer for step in steps for layer in (conv(features, features * step**2), nn.PixelShuffle(step))])
            self.sub_mean, self.add_mean = shift(-1), shift(1)
            self.head = nn.Sequential(conv(channels, features))
            self.body = nn.Sequential(*[MultiScale() for _ in range(blocks)])
            self.tail = nn.Sequential(conv((blocks + 1) * features, features, 1), conv(features, features), up, conv(features, channels))

        def forward(self, x):
            x = head = self.head(self.sub_mean(255 * x))
            made = [x := block(x) for block in self.body]
            return self.add_mean(self.tail(cat([*made, head], 1))) / 255

    return randomized(MSRN(), constants=("_mean.weight", "_mean.bias"))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"scale": 4}, {"scale": 4, "blocks": 2, "filters": 6, "color": "rgb"}),
        ({"scale": 3, "blocks": 1}, {"scale": 3, "blocks": 1}),
        ({"scale": 1, "channels": 1}, {"scale": 1, "color": "y"}),
    ],
)
def test_it_is_its_formula(theirs, ours, tmp_path):
    torch().manual_seed(0)
    module, channels = _formula(**theirs), theirs.get("channels", 3)
    opened = assert_opens(module, tmp_path, "msrn", ours, channels)
    assert any("image_range=255.0" in remark for remark in opened.remarks)
    assert not any("differs" in remark for remark in opened.remarks)
    assert_writes_into(module, opened.model, tmp_path, channels)
