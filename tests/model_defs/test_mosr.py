"""MoSR against spandrel's, in both directions: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"upscale": 4}, {"scale": 4, "upsampler": "pixelshuffle", "hidden": 24, "convolved": 16}),
        ({"upscale": 3, "upsampler": "gps"}, {"scale": 3, "upsampler": "ensemble"}),
        ({"upscale": 2, "upsampler": "dys", "kernel_size": 5}, {"scale": 2, "upsampler": "dysample", "kernel_size": 5}),
        ({"upscale": 3, "upsampler": "dys"}, {"scale": 3, "upsampler": "dysample"}),
        ({"upscale": 2, "conv_ratio": 0.5}, {"scale": 2, "hidden": 24, "convolved": 8}),
        ({"upscale": 1, "expansion_ratio": 1.0}, {"scale": 1, "hidden": 16, "convolved": 16}),
        ({"upscale": 2, "in_ch": 1}, {"scale": 2, "color": "y"}),
    ],
)
def test_mosr(theirs, ours, tmp_path):
    spandrel()
    from spandrel.architectures.MoSR import MoSR

    channels = theirs.get("in_ch", 3)
    module = randomized(MoSR(**{"n_block": 2, "dim": 16} | theirs), seed=1)
    opened = assert_opens(module, tmp_path, "mosr", {"blocks": 2, "filters": 16} | ours, channels)
    assert_writes(opened.model, tmp_path, channels)
