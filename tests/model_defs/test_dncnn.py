"""DnCNN and FDnCNN against spandrel's, which is KAIR's, in both directions."""

import numpy as np
import pytest
from reference_models import assert_opens, assert_same, assert_writes, images, output_of, outputs_of, randomized, spandrel, torch

import visionfw as vf


def reference(**arguments):
    spandrel()
    from spandrel.architectures.DnCNN import DnCNN

    norm = "B" in arguments["act_mode"]
    module = randomized(DnCNN(**{"nc": 8, "nb": 9, **arguments}), gain=0.2 if norm else 2)
    for key, values in module.state_dict().items():
        if key.endswith("running_var"):
            values.mul_(0.01)  # small enough for the epsilon to matter, which is not PyTorch's usual one
    return module


def with_noise(module, level):
    """Return what calls an FDnCNN with a constant noise map."""
    library = torch()
    return lambda x: module(library.cat([x, library.full_like(x[:, :1], level / 255)], dim=1))


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_files_open_and_ours_are_read_by_spandrel(channels, norm, tmp_path):
    module = reference(in_nc=channels, out_nc=channels, act_mode="BR" if norm else "R")
    expected = {"layers": 9, "filters": 8, "norm": norm, "noise_map": False, "color": "y" if channels == 1 else "rgb"}
    opened = assert_opens(module, tmp_path, "dncnn", expected, channels)
    assert not any("assumed" in remark for remark in opened.remarks)
    assert_writes(opened.model, tmp_path, channels)


def test_the_level_of_fdncnns_noise_map_is_assumed_and_can_be_said(tmp_path):
    module = reference(in_nc=4, out_nc=3, act_mode="R", mode="FDnCNN")
    opened = assert_opens(module, tmp_path, "dncnn", {"noise_map": True, "norm": False}, forward=with_noise(module, 15))
    assert any("assumed noise_level=15" in remark for remark in opened.remarks)
    assert_writes(opened.model, tmp_path)
    model = vf.build(vf.definition("dncnn", layers=9, filters=8, norm=False, noise_map=True, noise_level=50))
    assert vf.load_weights(model, tmp_path / "dncnn.pth") == []
    image = images((9, 14))
    assert_same(outputs_of(model, image), output_of(with_noise(module, 50), image))
    assert np.abs(outputs_of(model, image) - outputs_of(opened.model, image)).max() > 1e-3
