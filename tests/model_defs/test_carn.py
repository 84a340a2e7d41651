"""CARN and CARN-M against their formulas, written in PyTorch after the paper and the authors' code: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes_into, images, outputs_of, randomized, torch

import visionfw as vf


def _formula(scale, features=8, mobile=False, groups=1, channels=3, together=()):
    """Return CARN as a module whose keys are those of the authors' files; `together` are the scales that one file is trained for."""
    torch()
    from torch import cat, eye, nn, tensor
    from torch.nn.functional import relu

    color = tensor([0.4488, 0.4371, 0.4040] if channels == 3 else [(0.4488 + 0.4371 + 0.4040) / 3])

    def shift(sign):
        module = nn.Module()
        module.shifter = nn.Conv2d(channels, channels, 1)
        module.shifter.weight = nn.Parameter(eye(channels)[:, :, None, None], requires_grad=False)
        module.shifter.bias = nn.Parameter(sign * color, requires_grad=False)
        return module

    class Sequence(nn.Module):
        def __init__(self, *layers):
            super().__init__()
            self.body = nn.Sequential(*layers)

        def forward(self, x):
            return self.body(x)

    def grouped(made=features, of=groups):
        return nn.Conv2d(features, made, 3, padding=1, groups=of)

    class Residual(Sequence):
        def __init__(self):
            if mobile:
                super().__init__(grouped(), nn.ReLU(), grouped(), nn.ReLU(), nn.Conv2d(features, features, 1))
            else:
                super().__init__(grouped(of=1), nn.ReLU(), grouped(of=1))

        def forward(self, x):
            return relu(self.body(x) + x)

    class Cascade(nn.Module):
        def __init__(self, block, shared):
            super().__init__()
            self.shared = shared
            for number in (1, 2, 3):
                if number == 1 or not shared:
                    setattr(self, f"b{number}", block())
                setattr(self, f"c{number}", Sequence(nn.Conv2d((number + 1) * features, features, 1), nn.ReLU()))

        def forward(self, x):
            seen = x
            for number in (1, 2, 3):
                made = (self.b1 if self.shared else getattr(self, f"b{number}"))(x)
                seen = cat([seen, made], 1)
                x = getattr(self, f"c{number}")(seen)
            return x

    def enlarging(by):
        steps = {1: [], 2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}[by]
        return Sequence(*[layer for step in steps for layer in (grouped(features * step**2), nn.ReLU(), nn.PixelShuffle(step))])

    class CARN(Cascade):
        def __init__(self):
            super().__init__(lambda: Cascade(Residual, mobile), False)
            self.sub_mean, self.add_mean = shift(-1), shift(1)
            self.entry, self.exit = nn.Conv2d(channels, features, 3, padding=1), nn.Conv2d(features, channels, 3, padding=1)
            self.upsample = nn.Module()
            for by in together:
                setattr(self.upsample, f"up{by}", enlarging(by))
            if not together:
                self.upsample.up = enlarging(scale)

        def forward(self, x):
            up = getattr(self.upsample, f"up{scale}" if together else "up")
            return self.add_mean.shifter(self.exit(up(super().forward(self.entry(self.sub_mean.shifter(x))))))

    return randomized(CARN(), constants=(".shifter.weight", ".shifter.bias"))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"scale": 4}, {"scale": 4, "mobile": False, "groups": 1, "color": "rgb"}),
        ({"scale": 3, "channels": 1}, {"scale": 3, "color": "y"}),
        ({"scale": 1}, {"scale": 1}),
        ({"scale": 2, "mobile": True, "groups": 4}, {"scale": 2, "mobile": True, "groups": 4}),
    ],
)
def test_it_is_its_formula(theirs, ours, tmp_path):
    torch().manual_seed(0)
    module, channels = _formula(**theirs), theirs.get("channels", 3)
    opened = assert_opens(module, tmp_path, "carn", {"filters": 8} | ours, channels)
    assert not any("assumed" in remark for remark in opened.remarks)
    assert_writes_into(module, opened.model, tmp_path, channels)


def test_a_file_of_three_scales_opens_as_x4_and_loads_at_the_others(tmp_path):
    torch().manual_seed(0)
    module = _formula(4, together=(2, 3, 4))
    file = tmp_path / "carn.pth"
    torch().save(module.state_dict(), file)
    opened = vf.open(file)
    assert any("scale=4" in remark for remark in opened.remarks if remark.startswith("assumed"))
    assert any("upsample.up2" in remark for remark in opened.remarks if remark.startswith("not used"))
    x = images((9, 7))
    assert outputs_of(opened.model, x).shape == (1, 36, 28, 3)
    smaller = vf.build(vf.definition("carn", filters=8, scale=2))
    vf.load_weights(smaller, file)
    (kernel,) = [weight for weight in smaller.get_layer("conv_up_0").get_weights() if weight.ndim == 4]
    assert (kernel.transpose(3, 2, 0, 1) == module.state_dict()["upsample.up2.body.0.weight"].numpy()).all()
