"""ShuffleMixer against its formula, written in PyTorch after the paper and the authors' code: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes_into, randomized, torch


def _formula(scale, features=16, kernel=5, blocks=2, expansion=2, channels=3):
    """Return ShuffleMixer as a module whose keys are those of the authors' files."""
    torch()
    from torch import cat, nn, ones
    from torch.nn.functional import interpolate

    class Normalization(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Module()
            self.body.weight = nn.Parameter(ones(features))

        def forward(self, x):
            centered = x - x.mean(1, keepdim=True)
            return centered / (centered.square().mean(1, keepdim=True) + 1e-5).sqrt() * self.body.weight[:, None, None]

    class SplitMLP(nn.Module):
        def __init__(self):
            super().__init__()
            half = features // 2
            self.fc = nn.Sequential(nn.Conv2d(half, half * expansion, 1), nn.SiLU(), nn.Conv2d(half * expansion, half, 1))

        def forward(self, x):
            half = features // 2
            return cat([self.fc(x[:, :half]), x[:, half:]], 1).unflatten(1, (8, -1)).transpose(1, 2).flatten(1, 2)

    class ShuffleMixing(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2, self.mlp1, self.mlp2 = Normalization(), Normalization(), SplitMLP(), SplitMLP()
            self.spatial = nn.Conv2d(features, features, kernel, padding=kernel // 2, groups=features)

        def forward(self, x):
            x = self.spatial(x + self.mlp1(self.norm1(x)))
            return x + self.mlp2(self.norm2(x))

    class FeatureMixing(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(ShuffleMixing(), ShuffleMixing())
            self.conv = nn.Sequential(nn.Conv2d(features, features + 16, 3, padding=1), nn.SiLU(), nn.Conv2d(features + 16, features, 1))

        def forward(self, x):
            x = x + self.net(x)
            return x + self.conv(x)

    class ShuffleMixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.to_feat = nn.Conv2d(channels, features, 3, padding=1, bias=False)
            self.blocks = nn.Sequential(*[FeatureMixing() for _ in range(blocks)])
            steps = [2, 2] if scale == 4 else [scale]
            self.upsapling = nn.Sequential(
                *[layer for step in steps for layer in (nn.Conv2d(features, features * step**2, 1), nn.PixelShuffle(step), nn.SiLU())]
            )
            self.tail = nn.Conv2d(features, channels, 3, padding=1)

        def forward(self, x):
            made = self.tail(self.upsapling(self.blocks(self.to_feat(x))))
            return made + interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)

    return randomized(ShuffleMixer())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"scale": 4}, {"scale": 4, "filters": 16, "kernel_size": 5, "blocks": 2, "expansion": 2, "color": "rgb"}),
        ({"scale": 3, "kernel": 3, "blocks": 1, "features": 24}, {"scale": 3, "kernel_size": 3, "blocks": 1, "filters": 24}),
        ({"scale": 2, "expansion": 3, "channels": 1, "blocks": 1}, {"scale": 2, "expansion": 3, "color": "y"}),
    ],
)
def test_it_is_its_formula(theirs, ours, tmp_path):
    torch().manual_seed(0)
    module, channels = _formula(**theirs), theirs.get("channels", 3)
    opened = assert_opens(module, tmp_path, "shufflemixer", ours, channels)
    assert_writes_into(module, opened.model, tmp_path, channels)
