"""RGT against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

import visionfw as vf

#: The reference pads images of sides below 16 first.
SIZES = ((17, 23), (35, 70))
pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code

#: Arguments of the reference and of ours.
VARIANTS = {
    "x4": ({"upscale": 4, "embed_dim": 32, "depth": [4, 3], "num_heads": [4, 4], "split_size": [4, 8], "mlp_ratio": 2.0}, {"window": [4, 8], "scale": 4}),
    "x3": (
        {
            "upscale": 3,
            "embed_dim": 48,
            "depth": [1, 2],
            "num_heads": [6, 2],
            "split_size": [2, 4],
            "mlp_ratio": 2.5,
            "c_ratio": 0.75,
            "qkv_bias": False,
            "resi_connection": "3conv",
        },
        {"heads": [6, 2], "ratio": 0.75, "residual": "3conv", "qkv_bias": False},
    ),
    "luma": ({"upscale": 1, "embed_dim": 32, "depth": [2], "num_heads": [4], "split_size": [8, 8], "in_chans": 1}, {"color": "y", "scale": 1, "expansion": 4}),
}


def reference(arguments):
    spandrel()
    from spandrel.architectures.RGT import RGT

    return randomized(RGT(**arguments))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    assert_opens(reference(arguments), tmp_path, "rgt", ours, channels=arguments.get("in_chans", 3), sizes=SIZES)


def test_long_images_are_shrunk_three_times_as_in_the_reference(tmp_path):
    assert_opens(reference(VARIANTS["luma"][0]), tmp_path, "rgt", {}, channels=1, sizes=[(64, 1030)])


@pytest.mark.parametrize("arguments", [{}, {"scale": 2, "residual": "3conv", "window": (8, 8), "ratio": 0.25}, {"scale": 1, "color": "y", "heads": (4,)}])
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, tmp_path):
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("rgt", **{"filters": 32, "depths": (4,), "heads": (2,), "window": (4, 8), **arguments}))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3, sizes=SIZES)


def test_groups_without_heads_are_refused():
    with pytest.raises(Exception, match="depths and heads must have one entry for each group, not 8 and 1"):
        vf.definition("rgt", heads=(6,))
