"""DRRN against its formula in plain PyTorch, with the keys of jt827859032's implementation."""

import pytest
from reference_models import SIZES, assert_same, images, output_of, outputs_of, randomized, torch

import visionfw as vf
from visionfw.weights.files import read_weights


def reference(units, filters=6, in_place=True, channels=1):
    """Return the recursion as a module, which reads the upscaled image: the in-place activations of the implementation, or the paper's."""
    nn = torch().nn

    def convolution(before, after):
        return nn.Conv2d(before, after, 3, padding=1, bias=False)

    class Recursion(nn.Module):
        def __init__(self):
            super().__init__()
            self.input, self.output = convolution(channels, filters), convolution(filters, channels)
            self.conv1, self.conv2 = convolution(filters, filters), convolution(filters, filters)

        def forward(self, x):
            relu = nn.ReLU(inplace=in_place)
            x = x.clone()
            first = self.input(relu(x))
            features = first
            for _ in range(units):
                features = self.conv2(relu(self.conv1(relu(features)))) + first
            return self.output(relu(features)) + x

    return randomized(Recursion(), gain=2)


@pytest.mark.parametrize("in_place", [True, False])
def test_weights_load_by_the_references_keys_and_compute_its_formula(in_place, tmp_path):
    module = reference(3, in_place=in_place)
    torch().save(module.state_dict(), tmp_path / "x.pth")
    model = vf.build(vf.definition("drrn", scale=1, units=3, filters=6, in_place=in_place))  # at scale 1 the upscaling changes nothing
    assert vf.load_weights(model, tmp_path / "x.pth") == []
    for size in SIZES:
        image = images(size, 1) - 0.5  # below 0 too, as bicubic upscaling overshoots
        assert_same(outputs_of(model, image), output_of(module, image))
    vf.save_weights(model, tmp_path / "y.pth", names="reference")
    assert set(read_weights(tmp_path / "y.pth").arrays) == set(module.state_dict())


def test_a_file_opens_with_the_published_number_of_units(tmp_path):
    torch().save(reference(25, filters=4).state_dict(), tmp_path / "x.pth")
    opened = vf.open(tmp_path / "x.pth")
    assert opened.dictionary["origin"]["arguments"]["units"] == 25
    assert any("assumed scale=4, units=25, in_place=True" in remark for remark in opened.remarks)
    assert len([layer for layer in opened.model.layers if "conv" in layer.name]) == 4


def test_recursive_blocks_have_weights_of_their_own_and_the_units_of_one_share_theirs():
    model = vf.build(vf.definition("drrn", blocks=2, units=3, filters=4, norm=True))
    names = sorted(layer.name for layer in model.layers if "conv" in layer.name)
    expected = [f"block_deep-{copy}-{name}" for copy in range(2) for name in ("block_unit-conv_1", "block_unit-conv_2", "conv_head")]
    assert names == [*expected, "conv_residual"]
