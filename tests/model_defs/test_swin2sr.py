"""Swin2SR against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import pytest
from reference_models import SIZES, assert_opens, assert_writes, randomized, spandrel, torch

import visionfw as vf

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code

SMALL = {"img_size": 16, "window_size": 4, "embed_dim": 16, "depths": [2, 3], "num_heads": [2, 4], "mlp_ratio": 2}
#: The reference stretches the bicubic image where its sides are no multiples of the window; ours does not.
MULTIPLES = ((16, 24), (24, 20))
#: Arguments of the reference, and of ours that must be found.
VARIANTS = {
    "classical": ({"upscale": 4, "upsampler": "pixelshuffle"}, {"scale": 4, "depths": [2, 3], "heads": [2, 4], "window": 4}),
    "light": (
        {"upscale": 3, "upsampler": "pixelshuffledirect", "in_chans": 1, "num_heads": [2, 2], "mlp_ratio": 1.5, "qkv_bias": False, "resi_connection": "3conv"},
        {"scale": 3, "upsampler": "pixelshuffledirect", "color": "y", "heads": 2, "mlp_ratio": 1.5, "qkv_bias": False, "residual": "3conv"},
    ),
    "real": ({"upscale": 4, "upsampler": "nearest+conv"}, {"scale": 4, "upsampler": "nearest+conv"}),
    "jpeg": (
        {"upscale": 1, "upsampler": "", "window_size": 7, "img_size": 21, "img_range": 255.0, "patch_norm": False},
        {"scale": 1, "upsampler": "", "window": 7, "image_range": 255.0, "patch_norm": False},
    ),
    "compressed": ({"upscale": 2, "upsampler": "pixelshuffle_aux"}, {"scale": 2, "upsampler": "pixelshuffle_aux"}),
}


def reference(**arguments):
    spandrel()
    from spandrel.architectures.Swin2SR import Swin2SR

    return randomized(Swin2SR(**{**SMALL, **arguments}))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    sizes = MULTIPLES if name == "compressed" else SIZES
    assert_opens(reference(**arguments), tmp_path, "swin2sr", ours, channels=arguments.get("in_chans", 3), sizes=sizes)


@pytest.mark.parametrize(
    "arguments",
    [
        {"heads": [2, 4]},
        {"scale": 2, "upsampler": "pixelshuffledirect", "residual": "3conv", "mlp_ratio": 1},
        {"scale": 4, "upsampler": "pixelshuffle_aux"},
        {"scale": 1, "upsampler": "", "color": "y", "image_range": 255.0, "window": 7},
    ],
)
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, tmp_path):
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("swin2sr", **{"filters": 16, "depths": (2, 3), "heads": 2, "window": 4, **arguments}))
    sizes = MULTIPLES if arguments.get("upsampler") == "pixelshuffle_aux" else ((17, 23), (30, 19))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3, sizes=sizes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (6,)}, "heads must be one number or one for each of the 6 groups, not 1"),
        ({"upsampler": "pixelshuffle_aux", "color": "y"}, "upsampler 'pixelshuffle_aux' goes with color 'rgb'"),
        ({"upsampler": ""}, "scale must be 1 with upsampler '', not 4"),
    ],
)
def test_wrong_arguments_are_reported(arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        vf.check(vf.definition("swin2sr", **arguments))


def test_a_second_body_is_refused(tmp_path):
    torch().save(reference(upscale=2, upsampler="pixelshuffle_hf").state_dict(), tmp_path / "x.pth")
    with pytest.raises(Exception, match=r"swin2sr .*: has a second body for high frequencies"):
        vf.open(tmp_path / "x.pth")
