"""SwinIR against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import numpy as np
import pytest
from reference_models import assert_opens, assert_same, assert_writes, images, output_of, outputs_of, randomized, spandrel, torch

import visionfw as vf
from visionfw.graph.checking.check import examine

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code

SMALL = {"img_size": 16, "window_size": 4, "embed_dim": 16, "depths": [2, 3], "num_heads": [2, 4], "mlp_ratio": 2}
#: Arguments of the reference, and of ours that must be found.
VARIANTS = {
    "classical": ({"upscale": 4, "upsampler": "pixelshuffle"}, {"scale": 4, "depths": [2, 3], "heads": [2, 4], "window": 4}),
    "light": (
        {"upscale": 3, "upsampler": "pixelshuffledirect", "num_heads": [2, 2], "mlp_ratio": 1.5, "resi_connection": "3conv"},
        {"scale": 3, "upsampler": "pixelshuffledirect", "heads": 2, "mlp_ratio": 1.5, "residual": "3conv"},
    ),
    "real": ({"upscale": 4, "upsampler": "nearest+conv", "resi_connection": "3conv"}, {"scale": 4, "upsampler": "nearest+conv", "residual": "3conv"}),
    "real x2": ({"upscale": 2, "upsampler": "nearest+conv"}, {"scale": 2, "upsampler": "nearest+conv"}),
    "denoising": ({"upscale": 1, "upsampler": ""}, {"scale": 1, "upsampler": "", "image_range": 1.0}),
    "jpeg": (
        {"upscale": 1, "upsampler": "", "window_size": 7, "img_size": 21, "img_range": 255.0, "in_chans": 1},
        {"scale": 1, "upsampler": "", "window": 7, "image_range": 255.0, "color": "y"},
    ),
}


def reference(**arguments):
    spandrel()
    from spandrel.architectures.SwinIR import SwinIR

    return randomized(SwinIR(**{**SMALL, **arguments}))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    assert_opens(reference(**arguments), tmp_path, "swinir", ours, channels=arguments.get("in_chans", 3))


def test_options_that_other_readers_do_not_know(tmp_path):
    module = reference(upscale=2, upsampler="pixelshuffle", qkv_bias=False, patch_norm=False)
    assert_opens(module, tmp_path, "swinir", {"qkv_bias": False, "patch_norm": False})


def test_an_unshuffled_image_before_the_first_convolution(tmp_path):
    module = reference(upscale=4, upsampler="nearest+conv", start_unshuffle=2)
    state = {key.replace("conv_first.", "conv_first.1."): values for key, values in module.state_dict().items()}
    torch().save(state, tmp_path / "x.pth")
    opened = vf.open(tmp_path / "x.pth")
    assert {"scale": 2, "unshuffle": 2}.items() <= opened.dictionary["origin"]["arguments"].items()
    assert_same(outputs_of(opened.model, images((16, 24))), output_of(module, images((16, 24))))
    assert outputs_of(opened.model, images((17, 23))).shape == (1, 34, 46, 3)  # where windows do not fit into the half, the reference fails
    assert_writes(opened.model, tmp_path, sizes=((16, 24),))


@pytest.mark.parametrize(
    "arguments",
    [
        {"heads": [2, 4]},
        {"scale": 2, "upsampler": "pixelshuffledirect", "residual": "3conv", "mlp_ratio": 1},
        {"scale": 8, "upsampler": "nearest+conv"},
        {"scale": 1, "upsampler": "", "window": 7, "image_range": 255.0, "color": "y"},
    ],
)
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, tmp_path):
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("swinir", **{"filters": 16, "depths": (2, 3), "heads": 2, "window": 4, **arguments}))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3, sizes=((17, 23), (30, 19)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (6,)}, "heads must be one number or one for each of the 6 groups, not 1"),
        ({"upsampler": ""}, "scale must be 1 with upsampler '', not 4"),
        ({"upsampler": "nearest+conv", "scale": 3}, r"scale must be 2, 4, 8 with upsampler 'nearest\+conv', not 3"),
        ({"upsampler": "", "scale": 1, "unshuffle": 2}, "unshuffle goes with an upsampler"),
    ],
)
def test_wrong_arguments_are_reported(arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        vf.check(vf.definition("swinir", **arguments))


def test_an_absolute_position_embedding_is_refused(tmp_path):
    torch().save(reference(upscale=2, upsampler="pixelshuffle", ape=True).state_dict(), tmp_path / "x.pth")
    with pytest.raises(Exception, match=r"swinir .*: has an absolute position embedding, which fits images of one size only"):
        vf.open(tmp_path / "x.pth")


def test_training_skips_later_branches_more_often():
    calls = examine(vf.definition("swinir", depths=(2, 3), heads=2, filters=16)).flat.calls
    rates = [call.link.parameters["rate"] for call in calls if call.link.layer == "Dropout"]
    np.testing.assert_allclose(rates, [0.025, 0.025, 0.05, 0.05, 0.075, 0.075, 0.1, 0.1])
