"""DBPN against its formula in plain PyTorch, with the keys of alterzero's implementation."""

import pytest
from reference_models import assert_opens, randomized, torch

import visionfw as vf
from visionfw.weights.files import read_weights


def reference(scale, stages, filters=4, features=6, channels=3):
    """Return the projections as a module: `x` goes there, back, and the error of that there again."""
    nn = torch().nn
    kernel = scale + 4

    class Step(nn.Module):
        def __init__(self, name, layer, active=True):
            super().__init__()
            self.name = name
            setattr(self, name, layer)
            if active:
                self.act = nn.PReLU()

        def forward(self, x):
            x = getattr(self, self.name)(x)
            return self.act(x) if hasattr(self, "act") else x

    def step(before, after, side=1, padding=0, active=True):
        return Step("conv", nn.Conv2d(before, after, side, padding=padding), active)

    class Projection(nn.Module):
        def __init__(self, direction, inputs):
            super().__init__()
            self.direction = direction
            if inputs > 1:
                self.conv = step(inputs * filters, filters)
            for number in (1, 2, 3):
                is_up = (direction == "up") == (number != 2)
                layer = nn.ConvTranspose2d if is_up else nn.Conv2d
                setattr(self, f"{direction}_conv{number}", Step("deconv" if is_up else "conv", layer(filters, filters, kernel, scale, 2)))

        def forward(self, x):
            there, back, again = (getattr(self, f"{self.direction}_conv{number}") for number in (1, 2, 3))
            x = self.conv(x) if hasattr(self, "conv") else x
            projected = there(x)
            return projected + again(back(projected) - x)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.feat0, self.feat1 = step(channels, features, 3, 1), step(features, filters)
            for stage in range(1, stages + 1):
                setattr(self, f"up{stage}", Projection("up", max(stage - 1, 1)))
                if stage < stages:
                    setattr(self, f"down{stage}", Projection("down", stage))
            self.output_conv = step(stages * filters, channels, 3, 1, active=False)

        def forward(self, x):
            low, lows, highs = self.feat1(self.feat0(x)), [], []
            for stage in range(1, stages + 1):
                highs.insert(0, getattr(self, f"up{stage}")(torch().cat(lows, 1) if lows else low))
                if stage < stages:
                    lows.insert(0, getattr(self, f"down{stage}")(torch().cat(highs, 1)))
            return self.output_conv(torch().cat(highs, 1))

    return randomized(Network(), gain=1.5)


@pytest.mark.parametrize(("scale", "stages", "channels"), [(2, 2, 3), (4, 4, 3), (8, 3, 1)])
def test_files_open_and_are_written_with_the_same_keys(scale, stages, channels, tmp_path):
    module = reference(scale, stages, channels=channels)
    expected = {"scale": scale, "stages": stages, "filters": 4, "features": 6, "color": "y" if channels == 1 else "rgb"}
    opened = assert_opens(module, tmp_path, "dbpn", expected, channels)
    vf.save_weights(opened.model, tmp_path / "y.pth", names="reference")
    written = read_weights(tmp_path / "y.pth").arrays
    assert {key: tuple(values.shape) for key, values in module.state_dict().items()} == {key: values.shape for key, values in written.items()}


def test_one_projection_up_is_refused():
    with pytest.raises(Exception, match="stages must be at least 2, not 1"):
        vf.definition("dbpn", stages=1)
