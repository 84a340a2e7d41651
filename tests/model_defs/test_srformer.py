"""SRFormer against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

import visionfw as vf

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code

SMALL = {"img_size": 16, "window_size": 4, "embed_dim": 16, "depths": [2, 3], "num_heads": [2, 4], "mlp_ratio": 2}
#: Arguments of the reference, and of ours that must be found. Windows of 6 are shifted by 3, which splits tokens.
VARIANTS = {
    "x4": ({"upscale": 4, "upsampler": "pixelshuffle"}, {"scale": 4, "depths": [2, 3], "heads": [2, 4], "window": 4}),
    "light": (
        {
            "upscale": 3,
            "upsampler": "pixelshuffledirect",
            "in_chans": 1,
            "num_heads": [2, 2],
            "window_size": 6,
            "mlp_ratio": 1.5,
            "qkv_bias": False,
            "resi_connection": "3conv",
        },
        {"scale": 3, "upsampler": "pixelshuffledirect", "color": "y", "heads": 2, "window": 6, "mlp_ratio": 1.5, "qkv_bias": False, "residual": "3conv"},
    ),
    "real": ({"upscale": 4, "upsampler": "nearest+conv"}, {"scale": 4, "upsampler": "nearest+conv"}),
    "restoration": ({"upscale": 1, "patch_norm": False}, {"scale": 1, "upsampler": "", "patch_norm": False}),
}


def extra_architectures():
    """Return the module of the reference; the test is skipped without it. Spandrel's loader knows it from then on."""
    spandrel()
    extra = pytest.importorskip("spandrel_extra_arches", reason="needs spandrel_extra_arches: make test-all installs it")
    extra.install(ignore_duplicates=True)
    from spandrel_extra_arches.architectures import SRFormer

    return SRFormer


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    module = randomized(extra_architectures().SRFormer(**{**SMALL, **arguments}))
    assert_opens(module, tmp_path, "srformer", ours, channels=arguments.get("in_chans", 3))


@pytest.mark.parametrize(
    "arguments",
    [
        {"heads": [2, 4]},
        {"scale": 2, "upsampler": "pixelshuffledirect", "residual": "3conv", "window": 6, "mlp_ratio": 1},
        {"scale": 4, "upsampler": "nearest+conv"},
        {"scale": 1, "upsampler": "", "color": "y"},
    ],
)
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, tmp_path):
    extra_architectures()
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("srformer", **{"filters": 16, "depths": (2, 3), "heads": 2, "window": 4, **arguments}))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3, sizes=((17, 23), (30, 19)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (6,)}, "heads must be one number or one for each of the 6 groups, not 1"),
        ({"window": 7}, "window must be even and shift from 0 to window - 1, not 7 and 0"),
        ({"upsampler": ""}, "scale must be 1 with upsampler '', not 4"),
    ],
)
def test_wrong_arguments_are_reported(arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        vf.check(vf.definition("srformer", **arguments))
