"""ATD against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel, torch

import visionfw as vf

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code

SMALL = {"embed_dim": 16, "depths": [3], "num_heads": [2], "window_size": 4, "num_tokens": 6}
#: Arguments of the reference and of ours. Images have more than one category of pixels, the last one filled up.
VARIANTS = {
    "x4": (SMALL | {"upscale": 4, "upsampler": "pixelshuffle", "depths": [2, 3], "num_heads": [2, 4], "reducted_dim": 3}, {"heads": [2, 4], "reduced": 3}),
    "light": (
        SMALL | {"upscale": 3, "upsampler": "pixelshuffledirect", "embed_dim": 48, "category_size": 128, "mlp_ratio": 1.0, "resi_connection": "3conv"},
        {"category_size": 128, "scale": 3, "residual": "3conv", "expansion": 1},
    ),
    "nearest": (
        SMALL | {"upscale": 4, "upsampler": "nearest+conv", "convffn_kernel_size": 3, "mlp_ratio": 1.5},
        {"upsampler": "nearest+conv", "kernel_size": 3, "expansion": 1.5},
    ),
    "restoration": (
        SMALL | {"upscale": 1, "upsampler": "", "qkv_bias": False, "patch_norm": False, "norm": False, "depths": [1]},
        {"upsampler": "", "qkv_bias": False, "patch_norm": False, "mean_shift": False, "scale": 1},
    ),
    "luma": (SMALL | {"upscale": 2, "upsampler": "pixelshuffle", "in_chans": 1}, {"color": "y", "scale": 2}),
}


@pytest.fixture(autouse=True)
def stable(monkeypatch):
    """Sort pixels of one token in the order of the image: PyTorch leaves their order open, and with it the reference's output."""
    library = torch()
    monkeypatch.setattr(library, "sort", lambda values, dim=-1, stable=True: values.sort(dim=dim, stable=True))


def reference(arguments):
    spandrel()
    from spandrel.architectures.ATD import ATD

    return randomized(ATD(**arguments))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    assert_opens(reference(arguments), tmp_path, "atd", ours, channels=arguments.get("in_chans", 3))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"scale": 2, "upsampler": "pixelshuffledirect", "residual": "3conv", "qkv_bias": False},
        {"scale": 1, "upsampler": "", "color": "y", "mean_shift": False, "patch_norm": False},
        {"upsampler": "nearest+conv", "depths": (2,)},
    ],
)
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, tmp_path):
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("atd", **{"filters": 16, "depths": (3,), "heads": (2,), "window": 4, "tokens": 6, "reduced": 3, **arguments}))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (6,)}, "depths and heads must have one entry for each group, not 6 and 1"),
        ({"upsampler": "nearest+conv", "scale": 2}, "scale must be 4 with upsampler 'nearest\\+conv', not 2"),
    ],
)
def test_wrong_arguments_are_reported(arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        vf.definition("atd", **arguments)
