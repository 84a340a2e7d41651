"""ECBSR against its formula in plain PyTorch, in training's form and in the one that is run."""

import numpy as np
import pytest
from reference_models import assert_opens, assert_same, images, outputs_of, randomized, torch

import visionfw as vf

MASKS = {
    "sbx": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "sby": [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    "lpl": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
}


def formula(blocks, filters, scale, colors, folded=False):
    """Return the network of the paper's section 3: every branch is a convolution of the image with zeros around it."""
    library = torch()
    nn, functional = library.nn, library.nn.functional

    class Branch(nn.Module):
        def __init__(self, inputs, outputs, mask):
            super().__init__()
            middle = outputs if mask else 2 * outputs
            self.k0, self.b0 = nn.Parameter(library.randn(middle, inputs, 1, 1) / 3), nn.Parameter(library.randn(middle))
            if mask:
                self.scale, self.bias = nn.Parameter(library.randn(outputs, 1, 1, 1)), nn.Parameter(library.randn(outputs))
                self.mask = nn.Parameter(library.tensor(mask, dtype=library.float32).repeat(outputs, 1, 1, 1), requires_grad=False)
            else:
                self.k1, self.b1 = nn.Parameter(library.randn(outputs, middle, 3, 3) / 9), nn.Parameter(library.randn(outputs))

        def forward(self, x):
            y = functional.conv2d(functional.pad(x, (1, 1, 1, 1)), self.k0, self.b0)
            if hasattr(self, "mask"):
                return functional.conv2d(y, self.scale * self.mask, self.bias, groups=len(self.bias))
            return functional.conv2d(y, self.k1, self.b1)

    class Block(nn.Module):
        def __init__(self, inputs, outputs, active):
            super().__init__()
            self.conv3x3 = nn.Conv2d(inputs, outputs, 3, padding=1)
            if not folded:
                self.conv1x1_3x3 = Branch(inputs, outputs, None)
                for name, mask in MASKS.items():
                    setattr(self, f"conv1x1_{name}", Branch(inputs, outputs, mask))
            if active:
                self.act = nn.PReLU(outputs)

        def forward(self, x):
            y = sum(branch(x) for name, branch in self.named_children() if name != "act")
            return self.act(y) if hasattr(self, "act") else y

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [colors, *[filters] * (blocks + 1), colors * scale**2]
            self.backbone = nn.Sequential(*[Block(widths[i], widths[i + 1], i <= blocks) for i in range(blocks + 2)])

        def forward(self, x):
            x = 255 * x
            return functional.pixel_shuffle(self.backbone(x) + x.repeat_interleave(scale**2, 1), scale) / 255

    library.manual_seed(0)
    return Network().eval()


@pytest.mark.parametrize(("scale", "colors", "folded"), [(4, 1, False), (2, 3, False), (3, 1, True)])
def test_it_is_the_papers_formula_and_its_state_dict_goes_both_ways(scale, colors, folded, tmp_path):
    module = formula(2, 6, scale, colors, folded)
    module = randomized(module) if folded else module
    arguments = {"scale": scale, "blocks": 2, "filters": 6, "deployed": folded, "color": "rgb" if colors == 3 else "y"}
    opened = assert_opens(module, tmp_path, "ecbsr", arguments, colors)
    vf.save_weights(opened.model, tmp_path / "y.pth", names="reference")
    written = torch().load(tmp_path / "y.pth", weights_only=True)
    assert set(written) == set(module.state_dict())
    for key, values in module.state_dict().items():
        np.testing.assert_allclose(written[key].numpy(), values.numpy(), atol=1e-6)


def test_it_folds_to_what_is_run(tmp_path):
    opened = assert_opens(formula(2, 6, 2, 1), tmp_path, "ecbsr", {}, 1)
    dictionary, run = vf.fold(opened.dictionary, opened.model)
    assert dictionary == vf.canonicalize(vf.definition("ecbsr", blocks=2, filters=6, scale=2, deployed=True))
    assert_same(outputs_of(run, images((9, 14), 1)), outputs_of(opened.model, images((9, 14), 1)))
