"""NAFNet against spandrel's, in both directions."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

import visionfw as vf
from visionfw.errors import RequestError


def reference(**arguments):
    spandrel()
    from spandrel.architectures.NAFNet import NAFNet

    return randomized(NAFNet(**arguments))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            {"width": 8, "enc_blk_nums": [1, 2], "middle_blk_num": 1, "dec_blk_nums": [2, 1]},
            {"filters": 8, "encoders": [1, 2], "middle": 1, "decoders": [2, 1], "color": "rgb"},
        ),
        (
            {"img_channel": 1, "width": 4, "enc_blk_nums": [1, 1, 1], "middle_blk_num": 2, "dec_blk_nums": [1, 1, 1]},
            {"filters": 4, "encoders": [1, 1, 1], "middle": 2, "decoders": [1, 1, 1], "color": "y"},
        ),
    ],
    ids=["rgb", "luma"],
)
def test_files_open_and_ours_are_read_by_spandrel(theirs, ours, tmp_path):
    channels = theirs.get("img_channel", 3)
    opened = assert_opens(reference(**theirs), tmp_path, "nafnet", ours, channels)
    assert_writes(opened.model, tmp_path, channels)


def test_other_numbers_of_sizes_on_both_sides_are_refused():
    with pytest.raises(RequestError, match="encoders and decoders must have as many numbers, not 2 and 1"):
        vf.definition("nafnet", encoders=(1, 1), decoders=(1,))
