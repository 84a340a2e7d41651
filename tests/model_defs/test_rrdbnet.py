"""RRDBNet against spandrel's ESRGAN: every spelling of the keys, every variant, in both directions."""

import re

import numpy as np
import pytest
from reference_models import SIZES, assert_opens, assert_same, assert_writes, images, output_of, outputs_of, randomized, spandrel, torch

import visionfw as vf
from visionfw.errors import RequestError

SMALL = {"num_filters": 8, "num_blocks": 2}


def reference(**arguments):
    spandrel()
    from spandrel.architectures.ESRGAN import ESRGAN

    return randomized(ESRGAN(**SMALL, **arguments))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {"scale": 4, "blocks": 2, "filters": 8, "growth": 32, "unshuffle": 1, "plus": False, "color": "rgb"}),
        ({"scale": 1}, {"scale": 1}),
        ({"scale": 2}, {"scale": 2}),
        ({"scale": 8}, {"scale": 8}),
        ({"plus": True}, {"plus": True}),
        ({"in_nc": 12, "scale": 4, "shuffle_factor": 2}, {"scale": 2, "unshuffle": 2}),
        ({"in_nc": 48, "scale": 4, "shuffle_factor": 4}, {"scale": 1, "unshuffle": 4}),
        ({"in_nc": 1, "out_nc": 1, "scale": 2}, {"scale": 2, "color": "y"}),
    ],
    ids=str,
)
def test_files_of_esrgan_open_and_ours_are_read_by_spandrel(theirs, ours, tmp_path):
    channels = 1 if ours.get("color") == "y" else 3
    opened = assert_opens(reference(**theirs), tmp_path, "rrdbnet", ours, channels)
    # spandrel's loader pads models with a pixel unshuffle to multiples of 4, its module to what it needs
    sizes = ((16, 24), (28, 12)) if ours.get("unshuffle", 1) > 1 else SIZES
    assert_writes(opened.model, tmp_path, channels, sizes, suffix=".pth" if channels == 1 else ".safetensors")


#: The first spelling of keys -> that of BasicSR and Real-ESRGAN, and that of BSRGAN and RealSR.
OLD = [
    r"model\.0\.",
    r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.",
    r"model\.1\.sub\.2\.",
    r"model\.3\.",
    r"model\.6\.",
    r"model\.8\.",
    r"model\.10\.",
]
NEW = {
    "basicsr": ["conv_first.", r"body.\1.rdb\2.conv\3.", "conv_body.", "conv_up1.", "conv_up2.", "conv_hr.", "conv_last."],
    "bsrgan": ["conv_first.", r"RRDB_trunk.\1.RDB\2.conv\3.", "trunk_conv.", "upconv1.", "upconv2.", "HRconv.", "conv_last."],
}


@pytest.mark.parametrize("spelling", NEW)
def test_other_spellings_of_the_keys_are_the_same_model(spelling, tmp_path):
    module = reference()
    state = module.state_dict()
    for old, new in zip(OLD, NEW[spelling], strict=True):
        state = {re.sub(f"^{old}", new, key): values for key, values in state.items()}
    torch().save({"params_ema": state}, tmp_path / "x.pth")
    opened = vf.open(tmp_path / "x.pth")
    assert opened.remarks == ("is rrdbnet(scale=4, blocks=2, filters=8, growth=32, unshuffle=1, plus=False, color='rgb')",)
    assert_same(outputs_of(opened.model, images((9, 14))), output_of(module, images((9, 14))))


def test_what_is_written_has_basicsrs_keys(tmp_path):
    from visionfw.weights.files import read_weights

    model = vf.build(vf.definition("rrdbnet", blocks=1, filters=8, scale=2))
    vf.save_weights(model, tmp_path / "x.pth", names="reference")
    written = read_weights(tmp_path / "x.pth").arrays
    assert {"conv_first.weight", "body.0.rdb3.conv5.bias", "conv_body.weight", "conv_up1.weight", "conv_hr.bias", "conv_last.weight"} < set(written)
    assert len(written) == 2 * (1 + 15 + 1 + 1 + 2)


def test_an_image_with_transparency_is_refused_with_its_channels(tmp_path):
    torch().save(reference(in_nc=4, out_nc=4).state_dict(), tmp_path / "x.pth")
    with pytest.raises(RequestError, match=r"rrdbnet .*has 4 input and 4 output channels; visionfw's models read 3 \(RGB\) or 1 \(luma\)"):
        vf.open(tmp_path / "x.pth")


def test_dense_blocks_start_close_to_the_identity():
    model = vf.build(vf.definition("rrdbnet", blocks=1, filters=8))
    kernel = np.asarray(model.get_layer("block_blocks-0-block_rdb_1-conv_5").kernel)
    assert kernel.std() == pytest.approx(0.1 * np.sqrt(2 / (9 * (8 + 4 * 32))), rel=0.05)


@pytest.mark.parametrize("arguments", [{"unshuffle": 3}, {"scale": 5}])
def test_other_sizes_are_refused(arguments):
    with pytest.raises(RequestError, match="must be 1, 2"):
        vf.definition("rrdbnet", **arguments)
