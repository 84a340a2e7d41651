"""HAT against its reference implementation: outputs, arguments found in a file, and files that it loads."""

import keras
import numpy as np
import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

import visionfw as vf
from visionfw.layers.attention.overlapping import OverlappingWindowAttention
from visionfw.weights.files import read_weights

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # in the reference's code

SMALL = {"img_size": 16, "window_size": 4, "embed_dim": 16, "depths": [2, 3], "num_heads": [2, 4], "mlp_ratio": 2, "compress_ratio": 4, "squeeze_factor": 8}
#: Arguments of the reference, and of ours that must be found.
VARIANTS = {
    "x4": ({"upscale": 4}, {"scale": 4, "depths": [2, 3], "heads": [2, 4], "window": 4, "overlap": 2, "compressed": 4, "squeezed": 2}),
    "luma": (
        {"upscale": 3, "in_chans": 1, "num_heads": [2, 2], "window_size": 6, "overlap_ratio": 0.7, "mlp_ratio": 1.5, "qkv_bias": False},
        {"scale": 3, "color": "y", "heads": 2, "window": 6, "overlap": 4, "mlp_ratio": 1.5, "qkv_bias": False},
    ),
    "restoration": (
        {"upscale": 1, "resi_connection": "identity", "patch_norm": False, "num_feat": 32},
        {"scale": 1, "residual": "identity", "patch_norm": False, "features": 32},
    ),
}
OURS = {"filters": 16, "depths": (2, 3), "heads": 2, "window": 4, "overlap": 2, "compressed": 4, "squeezed": 2}


def reference(**arguments):
    spandrel()
    from spandrel.architectures.HAT import HAT

    return randomized(HAT(**{**SMALL, **arguments}))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_references_weights_give_the_references_outputs(name, tmp_path):
    arguments, ours = VARIANTS[name]
    opened = assert_opens(reference(**arguments), tmp_path, "hat", ours, channels=arguments.get("in_chans", 3))
    assert any("branch_scale=0.01" in remark for remark in opened.remarks)


@pytest.mark.parametrize("arguments", [{"heads": [2, 4]}, {"scale": 2, "residual": "identity", "overlap": 4}, {"scale": 1, "color": "y"}])
def test_the_reference_computes_what_ours_does_with_our_weights(arguments, tmp_path):
    keras.utils.set_random_seed(0)
    model = vf.build(vf.definition("hat", **{**OURS, **arguments}))
    assert_writes(model, tmp_path, channels=1 if "color" in arguments else 3, sizes=((17, 23), (30, 19)))


def test_positions_in_windows_stand_once_in_a_file(tmp_path):
    vf.save_weights(vf.build(vf.definition("hat", **OURS)), tmp_path / "x.safetensors", names="reference")
    arrays = read_weights(tmp_path / "x.safetensors").arrays
    indices = {key: values.shape for key, values in arrays.items() if "index" in key}
    assert indices == {"relative_position_index_SA": (16, 16), "relative_position_index_OCA": (16, 36)}
    assert not any("mask" in key for key in arrays)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"heads": (6,)}, "heads must be one number or one for each of the 6 groups, not 1"),
        ({"residual": "3conv"}, "residual must be '1conv' or 'identity', not '3conv'"),
        ({"overlap": 5}, "overlap an even number of pixels, not 16 and 5"),
    ],
)
def test_wrong_arguments_are_reported(arguments, sentence):
    with pytest.raises(Exception, match=sentence):
        vf.check(vf.definition("hat", **arguments))


def test_what_lies_outside_the_image_is_attended_to_with_a_bias_alone():
    """A window in the middle of the image sees none of it; one at the edge shares its attention with zeros."""
    layer = OverlappingWindowAttention(heads=1, window=2, overlap=2)
    layer.build((None, None, None, 1))
    layer.set_weights([np.array([[0.0, 0.0, 1.0]]), np.zeros(3), np.eye(1), np.zeros(1), np.zeros((25, 1))])
    mixed = np.asarray(layer(np.ones((1, 6, 6, 1), np.float32)))[0, :, :, 0]
    np.testing.assert_allclose([mixed[0, 0], mixed[0, 2], mixed[2, 2]], [9 / 16, 12 / 16, 1], rtol=1e-6)
