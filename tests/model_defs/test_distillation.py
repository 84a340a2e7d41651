"""IMDN, RFDN, RLFN and BSRN against their formulas, written in PyTorch after the papers and the authors' code: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes_into, randomized, torch

#: Odd sizes that the pooling of the attention takes.
SIZES = ((17, 23), (30, 19))


def _formulas():
    """Return the formulas as modules, by name; their keys are those of the authors' files."""
    torch()
    from torch import cat, nn
    from torch.nn.functional import gelu, interpolate, leaky_relu, max_pool2d, relu

    def conv(read, made, side=3, **options):
        return nn.Conv2d(read, made, side, padding=side // 2, **options)

    def lrelu(x):
        return leaky_relu(x, 0.05)

    class Separable(nn.Module):
        def __init__(self, read, made, stride=1, padding=1):
            super().__init__()
            self.pw = nn.Conv2d(read, made, 1, bias=False)
            self.dw = nn.Conv2d(made, made, 3, stride, padding, groups=made)

        def forward(self, x):
            return self.dw(self.pw(x))

    class ChannelContrast(nn.Module):
        def __init__(self, features):
            super().__init__()
            self.conv_du = nn.Sequential(nn.Conv2d(features, features // 16, 1), nn.ReLU(), nn.Conv2d(features // 16, features, 1), nn.Sigmoid())

        def forward(self, x):
            return x * self.conv_du(x.mean((2, 3), keepdim=True) + x.std((2, 3), keepdim=True, unbiased=False))

    class SpatialAttention(nn.Module):
        def __init__(self, features, inside, three, convolution, active):
            super().__init__()
            self.three, self.active = three, active
            self.conv1, self.conv_f, self.conv4 = nn.Conv2d(features, inside, 1), nn.Conv2d(inside, inside, 1), nn.Conv2d(inside, features, 1)
            self.conv2, self.conv3 = convolution(inside, inside, stride=2, padding=0), convolution(inside, inside, padding=1)
            if three:
                self.conv_max, self.conv3_ = convolution(inside, inside, padding=1), convolution(inside, inside, padding=1)

        def forward(self, x):
            narrow = self.conv1(x)
            wide = max_pool2d(self.conv2(narrow), 7, 3)
            wide = self.conv3_(self.active(self.conv3(self.active(self.conv_max(wide))))) if self.three else self.conv3(wide)
            wide = interpolate(wide, x.shape[2:], mode="bilinear", align_corners=False)
            return x * self.conv4(wide + self.conv_f(narrow)).sigmoid()

    def plain(read, made, stride=1, padding=1):
        return nn.Conv2d(read, made, 3, stride, padding)

    class Split(nn.Module):  # IMDN's block
        def __init__(self, features):
            super().__init__()
            self.quarter = features // 4
            rest = features - self.quarter
            self.c1, self.c2, self.c3, self.c4 = conv(features, features), conv(rest, features), conv(rest, features), conv(rest, self.quarter)
            self.c5, self.cca = conv(features, features, 1), ChannelContrast(features)

        def forward(self, x):
            kept, rest = [], x
            for convolution in (self.c1, self.c2, self.c3):
                made = lrelu(convolution(rest))
                kept.append(made[:, : self.quarter])
                rest = made[:, self.quarter :]
            return x + self.c5(self.cca(cat([*kept, self.c4(rest)], 1)))

    class Distilled(nn.Module):  # RFDN's block, and BSRN's
        def __init__(self, features, separable):
            super().__init__()
            half, convolution = features // 2, Separable if separable else plain
            self.separable, self.active = separable, gelu if separable else lrelu
            self.c1_d, self.c2_d, self.c3_d = (conv(features, half, 1) for _ in range(3))
            self.c1_r, self.c2_r, self.c3_r = (convolution(features, features) for _ in range(3))
            self.c4, self.c5 = convolution(features, half), conv(4 * half, features, 1)
            self.esa = SpatialAttention(features, features // 4, True, convolution, gelu if separable else relu)
            if separable:
                self.cca = ChannelContrast(features)

        def forward(self, x):
            kept, rest = [], x
            for distill, refine in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
                kept.append(self.active(distill(rest)))
                rest = self.active(refine(rest) + rest)
            made = self.esa(self.c5(cat([*kept, self.active(self.c4(rest))], 1)))
            return self.cca(made) + x if self.separable else made

    class Gathered(nn.Module):  # IMDN and RFDN around their blocks; RFDN takes images in 0..255, as RLFN does
        def __init__(self, block, name, white, features, blocks, scale, channels=3):
            super().__init__()
            self.white = white
            self.fea_conv = conv(channels, features)
            self.steps = [f"{name}{number}" for number in range(1, blocks + 1)]
            for step in self.steps:
                setattr(self, step, block(features))
            self.c = nn.Sequential(conv(blocks * features, features, 1), nn.LeakyReLU(0.05))
            self.LR_conv = conv(features, features)
            self.upsampler = nn.Sequential(conv(features, channels * scale**2), nn.PixelShuffle(scale))

        def forward(self, x):
            x = head = self.fea_conv(self.white * x)
            made = [x := getattr(self, step)(x) for step in self.steps]
            return self.upsampler(self.LR_conv(self.c(cat(made, 1))) + head) / self.white

    class BSRN(nn.Module):
        def __init__(self, features, blocks, scale, channels=3):
            super().__init__()
            self.fea_conv = Separable(4 * channels, features)
            self.steps = [f"B{number}" for number in range(1, blocks + 1)]
            for step in self.steps:
                setattr(self, step, Distilled(features, True))
            self.c1, self.c2 = conv(blocks * features, features, 1), Separable(features, features)
            self.upsampler = nn.Module()
            self.upsampler.upsampleOneStep = nn.Sequential(conv(features, channels * scale**2), nn.PixelShuffle(scale))

        def forward(self, x):
            x = head = self.fea_conv(x.repeat(1, 4, 1, 1))
            made = [x := getattr(self, step)(x) for step in self.steps]
            return self.upsampler.upsampleOneStep(self.c2(gelu(self.c1(cat(made, 1)))) + head)

    class Local(nn.Module):  # RLFN's block
        def __init__(self, features, inner, inside):
            super().__init__()
            self.c1_r, self.c2_r, self.c3_r = conv(features, inner), conv(inner, inner), conv(inner, features)
            self.c5, self.esa = conv(features, features, 1), SpatialAttention(features, inside, False, plain, None)

        def forward(self, x):
            return self.esa(self.c5(x + lrelu(self.c3_r(lrelu(self.c2_r(lrelu(self.c1_r(x))))))))

    class RLFN(nn.Module):
        def __init__(self, features, inner, blocks, scale, inside=16, channels=3):
            super().__init__()
            self.conv_1, self.conv_2 = conv(channels, features), conv(features, features)
            self.steps = [f"block_{number}" for number in range(1, blocks + 1)]
            for step in self.steps:
                setattr(self, step, Local(features, inner, inside))
            self.upsampler = nn.Sequential(conv(features, channels * scale**2), nn.PixelShuffle(scale))

        def forward(self, x):
            x = head = self.conv_1(255 * x)
            for step in self.steps:
                x = getattr(self, step)(x)
            return self.upsampler(self.conv_2(x) + head) / 255

    return {
        "imdn": lambda *given: Gathered(Split, "IMDB", 1, *given),
        "rfdn": lambda *given: Gathered(lambda features: Distilled(features, False), "B", 255, *given),
        "bsrn": BSRN,
        "rlfn": RLFN,
    }


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("imdn", (32, 2, 3), {"filters": 32, "blocks": 2, "scale": 3, "color": "rgb"}),
        ("imdn", (16, 2, 4, 1), {"filters": 16, "blocks": 2, "scale": 4, "color": "y"}),
        ("rfdn", (10, 2, 2), {"filters": 10, "blocks": 2, "scale": 2, "color": "rgb"}),
        ("rfdn", (8, 2, 3, 1), {"filters": 8, "blocks": 2, "scale": 3, "color": "y"}),
        ("bsrn", (16, 2, 4), {"filters": 16, "blocks": 2, "scale": 4, "color": "rgb"}),
        ("bsrn", (32, 2, 1, 1), {"filters": 32, "blocks": 2, "scale": 1, "color": "y"}),
        ("rlfn", (6, 8, 2, 4), {"filters": 6, "inner_filters": 8, "blocks": 2, "scale": 4, "attention_filters": 16, "color": "rgb"}),
        ("rlfn", (6, 6, 1, 2, 5, 1), {"filters": 6, "inner_filters": 6, "blocks": 1, "scale": 2, "attention_filters": 5, "color": "y"}),
    ],
)
def test_it_is_its_formula(name, theirs, ours, tmp_path):
    torch().manual_seed(0)
    module = randomized(_formulas()[name](*theirs))
    channels = 1 if ours["color"] == "y" else 3
    opened = assert_opens(module, tmp_path, name, ours, channels, SIZES)
    assert any("assumed image_range=255.0" in remark for remark in opened.remarks) == (name in ("rfdn", "rlfn"))
    assert_writes_into(module, opened.model, tmp_path, channels, SIZES)
