"""Upsampling blocks: factors of stages, and the names under which reference weights find their convolutions."""

import pytest

import visionfw as vf
from visionfw.blocks.upsampling import stages


def model_of(scale):
    links = [
        (0, "Conv2D", "in", {"filters": 8}),
        ("in", "pixel_shuffle_upsampler", "up", {"scale": scale, "filters": 8}),
        ("up", "Conv2D", "sr", {"filters": 3}),
    ]
    return vf.build({"name": "up", "scale": scale, "links": links})


@pytest.mark.parametrize(("scale", "channels"), [(1, []), (2, [32]), (3, [72]), (4, [32, 32]), (8, [32, 32, 32])])
def test_each_stage_is_a_convolution_and_a_pixel_shuffle(scale, channels):
    model = model_of(scale)
    names = [f"block_up-conv_wide_{number}" for number in range(len(channels))]
    assert [model.get_layer(name).filters for name in names] == channels
    assert model.compute_output_shape((1, 5, 7, 3)) == (1, 5 * scale, 7 * scale, 3)


def test_other_scales_are_refused():
    with pytest.raises(ValueError, match="scale must be 1, 2, 3, 4 or 8, not 6"):
        stages(6)
