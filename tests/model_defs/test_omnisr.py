"""Omni-SR against spandrel's, in both directions: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"up_scale": 4}, {"scale": 4, "window": 8, "bias": True, "position_bias": True}),
        ({"up_scale": 3, "window_size": 4, "res_num": 1, "bias": False}, {"scale": 3, "window": 4, "groups": 1, "bias": False}),
        ({"up_scale": 2, "pe": False, "block_num": 1}, {"scale": 2, "blocks": 1, "position_bias": False}),
        ({"up_scale": 1, "num_in_ch": 1, "num_out_ch": 1}, {"scale": 1, "color": "y"}),
    ],
)
def test_omnisr(theirs, ours, tmp_path):
    spandrel()
    from spandrel.architectures.OmniSR import OmniSR

    channels = theirs.get("num_in_ch", 3)
    module = randomized(OmniSR(**{"num_feat": 16, "res_num": 2, "block_num": 2} | theirs))
    opened = assert_opens(module, tmp_path, "omnisr", {"groups": 2, "blocks": 2, "filters": 16} | ours, channels)
    assert_writes(opened.model, tmp_path, channels, sizes=((17, 23), (30, 16)))  # spandrel mirrors images of less than 16 pixels first
