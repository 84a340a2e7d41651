"""Compact against spandrel's SRVGGNetCompact, in both directions."""

import pytest
from reference_models import assert_opens, assert_same, assert_writes, images, output_of, outputs_of, randomized, spandrel, torch

import visionfw as vf
from visionfw.errors import RequestError


def reference(**arguments):
    spandrel()
    from spandrel.architectures.Compact import Compact

    return randomized(Compact(**{"num_feat": 8, "num_conv": 3, **arguments}))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {"scale": 4, "convolutions": 3, "filters": 8, "color": "rgb"}),
        ({"upscale": 1, "num_conv": 1}, {"scale": 1, "convolutions": 1}),
        ({"upscale": 2, "num_feat": 6}, {"scale": 2, "filters": 6}),
        ({"upscale": 3, "num_in_ch": 1, "num_out_ch": 1}, {"scale": 3, "color": "y"}),
    ],
    ids=str,
)
def test_files_open_and_ours_are_read_by_spandrel(theirs, ours, tmp_path):
    channels = 1 if ours.get("color") == "y" else 3
    opened = assert_opens(reference(**theirs), tmp_path, "compact", ours, channels)
    assert_writes(opened.model, tmp_path, channels)


@pytest.mark.parametrize("activation", ["relu", "leakyrelu"])
def test_other_activations_load_where_they_are_named(activation, tmp_path):
    module = reference(act_type=activation)
    torch().save(module.state_dict(), tmp_path / "x.pth")
    with pytest.raises(RequestError, match=r"compact .*has no PReLU; with another activation, say which"):
        vf.open(tmp_path / "x.pth")
    model = vf.build(vf.definition("compact", convolutions=3, filters=8, activation=activation))
    assert vf.load_weights(model, tmp_path / "x.pth") == []
    assert_same(outputs_of(model, images((9, 14))), output_of(module, images((9, 14))))


def test_an_activation_that_there_is_not_is_refused():
    with pytest.raises(RequestError, match="activation must be prelu, relu, leakyrelu, not 'gelu'"):
        vf.definition("compact", activation="gelu")
