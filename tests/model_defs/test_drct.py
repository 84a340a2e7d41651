"""DRCT against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import pytest
from reference_models import SIZES, assert_opens, assert_writes, randomized, spandrel, torch

import visionfw as vf
from visionfw.graph.checking.check import examine

SMALL = {"img_size": 16, "window_size": 4, "embed_dim": 16, "depths": [6, 6], "num_heads": [2, 4], "mlp_ratio": 2, "gc": 6, "upsampler": "pixelshuffle"}
#: Arguments of the reference, and of ours that must be found.
VARIANTS = {
    "x4": ({"upscale": 4}, {"scale": 4, "groups": 2, "heads": [2, 4], "window": 4, "growth": 6}),
    "luma": (
        {"upscale": 3, "in_chans": 1, "num_heads": [2, 2], "mlp_ratio": 1.5, "qkv_bias": False},
        {"scale": 3, "color": "y", "heads": 2, "mlp_ratio": 1.5, "qkv_bias": False},
    ),
    "restoration": ({"upscale": 1, "resi_connection": "identity", "patch_norm": False}, {"scale": 1, "residual": "identity", "patch_norm": False}),
}


def reference(**arguments):
    spandrel()
    from spandrel.architectures.DRCT import DRCT

    return randomized(DRCT(**{**SMALL, **arguments}))


def padded(module, multiple, scale):
    """Return a function that pads images to a multiple, as programs do before they call the reference, and crops its outputs."""

    def forward(image):
        height, width = image.shape[2:]
        image = torch().nn.functional.pad(image, (0, -width % multiple, 0, -height % multiple), "reflect")
        return module(image)[:, :, : height * scale, : width * scale]

    return forward


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    module = reference(**arguments)
    assert_opens(module, tmp_path, "drct", ours, channels=arguments.get("in_chans", 3), forward=padded(module, 4, arguments["upscale"]))


@pytest.mark.parametrize(("arguments", "sizes"), [({"heads": [2, 4]}, SIZES), ({"scale": 1, "color": "y", "residual": "identity", "window": 4}, ((16, 32),))])
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, sizes, tmp_path):
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("drct", **{"filters": 16, "growth": 6, "groups": 2, "heads": 2, **arguments}))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3, sizes=sizes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (6,)}, "heads must be one number or one for each of the 6 groups, not 1"),
        ({"residual": "3conv"}, "residual must be '1conv' or 'identity', not '3conv'"),
    ],
)
def test_wrong_arguments_are_reported(arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        vf.definition("drct", **arguments)


def test_heads_are_fewer_where_they_do_not_divide_the_features():
    calls = examine(vf.definition("drct", groups=1)).flat.calls
    assert [call.link.parameters["heads"] for call in calls if call.link.layer == "WindowAttention"] == [6, 4, 2, 6, 4]
