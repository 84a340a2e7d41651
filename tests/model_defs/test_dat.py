"""DAT against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import numpy as np
import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

import visionfw as vf
from visionfw.graph.checking.check import examine
from visionfw.interchange.references import reference_of

#: The reference pads images of sides below 16 first.
SIZES = ((17, 23), (30, 19))
pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code

#: Arguments of the reference and of ours: shifted windows in both halves, both ends, every kind of option.
VARIANTS = {
    "x4": ({"upscale": 4, "embed_dim": 32, "depth": [4, 3], "num_heads": [4, 4], "split_size": [4, 8], "expansion_factor": 2.0}, {"window": [4, 8]}),
    "light": (
        {
            "upscale": 2,
            "embed_dim": 32,
            "depth": [3],
            "num_heads": [2],
            "split_size": [8, 8],
            "qkv_bias": False,
            "resi_connection": "3conv",
            "upsampler": "pixelshuffledirect",
        },
        {"upsampler": "pixelshuffledirect", "residual": "3conv", "qkv_bias": False, "expansion": 4},
    ),
    "x3": ({"upscale": 3, "embed_dim": 48, "depth": [1, 2], "num_heads": [6, 4], "split_size": [2, 4], "expansion_factor": 2.5}, {"heads": [6, 4]}),
    "luma": ({"upscale": 1, "embed_dim": 32, "depth": [2], "num_heads": [4], "split_size": [2, 4], "in_chans": 1}, {"color": "y", "scale": 1}),
}


def reference(arguments):
    spandrel()
    from spandrel.architectures.DAT import DAT

    return randomized(DAT(**arguments))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    assert_opens(reference(arguments), tmp_path, "dat", ours, channels=arguments.get("in_chans", 3))


@pytest.mark.parametrize(
    "arguments", [{}, {"scale": 2, "upsampler": "pixelshuffledirect", "residual": "3conv", "window": (8, 8)}, {"scale": 1, "color": "y", "heads": (4,)}]
)
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, tmp_path):
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("dat", **{"filters": 32, "depths": (4,), "heads": (2,), "window": (4, 8), "expansion": 2, **arguments}))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3, sizes=SIZES)


def test_windows_of_which_one_side_is_known_twice_are_solved():
    solve = reference_of("dat").detect.__globals__["_window"]
    for a, b in [(8, 32), (8, 16), (8, 8), (2, 4), (1, 7)]:
        assert solve((2 * a - 1) * (2 * b - 1), a * b) == (a, b)
    with pytest.raises(ValueError, match="its windows of 7 pixels with 10 relative positions are not rectangles"):
        solve(10, 7)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (6,)}, "depths and heads must have one entry for each group, not 6 and 1"),
        ({"upsampler": "nearest"}, "upsampler must be 'pixelshuffle' or 'pixelshuffledirect', not 'nearest'"),
    ],
)
def test_wrong_arguments_are_reported(arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        vf.definition("dat", **arguments)


def test_training_skips_later_branches_more_often():
    calls = examine(vf.definition("dat", depths=(2, 3), heads=(2, 2), filters=32)).flat.calls
    rates = [call.link.parameters["rate"] for call in calls if call.link.layer == "Dropout"]
    np.testing.assert_allclose(rates, [0.025, 0.025, 0.05, 0.05, 0.075, 0.075, 0.1, 0.1])
