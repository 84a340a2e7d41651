"""PAN against its formula, written in PyTorch after the paper and the authors' code: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes_into, randomized, torch


def _formula(scale, features=8, wide=6, blocks=2, channels=3):
    """Return PAN as a module whose keys are those of the authors' files."""
    torch()
    from torch import cat, nn
    from torch.nn.functional import interpolate, leaky_relu

    def conv(read, made, side=3, bias=True):
        return nn.Conv2d(read, made, side, padding=side // 2, bias=bias)

    def lrelu(x):
        return leaky_relu(x, 0.2)

    class Weighing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv(wide, wide, 1)

        def forward(self, x):
            return x * self.conv(x).sigmoid()

    class WeighedConvolution(nn.Module):
        def __init__(self, half):
            super().__init__()
            self.k2, self.k3, self.k4 = conv(half, half, 1), conv(half, half, bias=False), conv(half, half, bias=False)

        def forward(self, x):
            return self.k4(self.k3(x) * self.k2(x).sigmoid())

    class SelfCalibrated(nn.Module):
        def __init__(self):
            super().__init__()
            half = features // 2
            self.conv1_a, self.conv1_b = conv(features, half, 1, False), conv(features, half, 1, False)
            self.k1, self.PAConv, self.conv3 = nn.Sequential(conv(half, half, bias=False)), WeighedConvolution(half), conv(features, features, 1, False)

        def forward(self, x):
            plain, weighed = self.k1(lrelu(self.conv1_a(x))), self.PAConv(lrelu(self.conv1_b(x)))
            return x + self.conv3(lrelu(cat([plain, weighed], 1)))

    class PAN(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv_first, self.trunk_conv = conv(channels, features), conv(features, features)
            self.SCPA_trunk = nn.Sequential(*[SelfCalibrated() for _ in range(blocks)])
            self.factors = [scale] if scale in (2, 3) else [2, 2]
            for number in range(1, len(self.factors) + 1):
                setattr(self, f"upconv{number}", conv(features if number == 1 else wide, wide))
                setattr(self, f"att{number}", Weighing())
                setattr(self, f"HRconv{number}", conv(wide, wide))
            self.conv_last = conv(wide, channels)

        def forward(self, x):
            made = self.conv_first(x)
            made = made + self.trunk_conv(self.SCPA_trunk(made))
            for number, factor in enumerate(self.factors, 1):
                made = getattr(self, f"upconv{number}")(interpolate(made, scale_factor=factor, mode="nearest"))
                made = lrelu(getattr(self, f"HRconv{number}")(lrelu(getattr(self, f"att{number}")(made))))
            return self.conv_last(made) + interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)

    return randomized(PAN())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"scale": 4}, {"scale": 4, "blocks": 2, "filters": 8, "enlarged_filters": 6, "color": "rgb"}),
        ({"scale": 2, "channels": 1, "blocks": 1}, {"scale": 2, "blocks": 1, "color": "y"}),
    ],
)
def test_it_is_its_formula(theirs, ours, tmp_path):
    torch().manual_seed(0)
    module, channels = _formula(**theirs), theirs.get("channels", 3)
    opened = assert_opens(module, tmp_path, "pan", ours, channels)
    assert_writes_into(module, opened.model, tmp_path, channels)
