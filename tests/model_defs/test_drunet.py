"""DRUNet against spandrel's, which is KAIR's, in both directions."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel, torch

import visionfw as vf
from visionfw.errors import RequestError


def reference(**arguments):
    spandrel()
    from spandrel.architectures.DRUNet import DRUNet

    return randomized(DRUNet(**{"in_nc": 4, "out_nc": 3, "nc": [4, 6, 8, 10], "nb": 2, **arguments}))


def padded_with_noise(module, level):
    """Return what pads an image to a multiple of 8, calls a DRUNet with a constant noise map, and crops."""
    library = torch()

    def call(x):
        height, width = x.shape[2:]
        x = library.nn.functional.pad(x, (0, -width % 8, 0, -height % 8), "reflect")
        return module(library.cat([x, library.full_like(x[:, :1], level / 255)], dim=1))[..., :height, :width]

    return call


@pytest.mark.parametrize("channels", [1, 3])
def test_files_open_and_ours_are_read_by_spandrel(channels, tmp_path):
    module = reference(in_nc=channels + 1, out_nc=channels)
    expected = {"blocks": 2, "widths": [4, 6, 8, 10], "color": "y" if channels == 1 else "rgb", "noise_map": True}
    opened = assert_opens(module, tmp_path, "drunet", expected, channels, forward=padded_with_noise(module, 15))
    assert any("assumed noise_level=15" in remark for remark in opened.remarks)
    assert_writes(opened.model, tmp_path, channels)


def test_other_ways_of_resizing_are_refused_with_that_reason(tmp_path):
    torch().save(reference(upsample_mode="pixelshuffle").state_dict(), tmp_path / "x.pth")
    with pytest.raises(RequestError, match=r"drunet .*halves or doubles sizes by other layers"):
        vf.open(tmp_path / "x.pth")
