"""Upsampling blocks: factors of stages, and the names under which reference weights find their convolutions."""

import pytest

import visionfw as vf
from visionfw.blocks.upsampling import RECONSTRUCTIONS, reconstruction, stages


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


@pytest.mark.parametrize(("upsampler", "scale"), [(name, scale) for name, scales in RECONSTRUCTIONS.items() for scale in scales])
def test_every_end_of_a_network_reaches_its_scales(upsampler, scale):
    parameters = {"upsampler": upsampler, "scale": scale, "features": 4}
    model = vf.build({"name": "end", "scale": scale, "links": [(0, "reconstruction", "sr", parameters)]})
    assert model.compute_output_shape((1, 5, 7, 3)) == (1, 5 * scale, 7 * scale, 3)
    stages_up = [name for name in (layer.name for layer in model.layers) if name.startswith("block_sr-conv_up")]
    assert len(stages_up) == ({2: 1, 4: 2, 8: 3}[scale] if upsampler == "nearest+conv" else 0)


def test_wrong_ends_of_a_network_are_refused():
    with pytest.raises(ValueError, match=r"scale must be 2, 4, 8 with upsampler 'nearest\+conv', not 3"):
        reconstruction("nearest+conv", scale=3)
    with pytest.raises(ValueError, match=r"upsampler must be one of 'pixelshuffle', .*, not 'bicubic'"):
        reconstruction("bicubic")
