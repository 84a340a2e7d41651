"""SPAN against spandrel's, as it is trained and as it is run, in both directions."""

import numpy as np
import pytest
from reference_models import assert_opens, assert_same, assert_writes, images, output_of, outputs_of, randomized, spandrel, torch

import visionfw as vf


def reference(**arguments):
    spandrel()
    from spandrel.architectures.SPAN import SPAN

    return randomized(SPAN(**{"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 8, **arguments}))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"upscale": 4}, {"scale": 4, "blocks": 6, "filters": 8, "deployed": False, "norm": True, "color": "rgb"}),
        ({"upscale": 2, "norm": False}, {"scale": 2, "norm": False}),
        ({"upscale": 1, "feature_channels": 28}, {"scale": 1, "filters": 28}),
        ({"upscale": 3}, {"scale": 3}),
    ],
    ids=str,
)
def test_files_open_and_ours_are_read_by_spandrel(theirs, ours, tmp_path):
    opened = assert_opens(reference(**theirs), tmp_path, "span", ours)
    assert "assumed image_range=255.0, mean=(0.4488, 0.4371, 0.404), which no shape tells" in opened.remarks
    assert_writes(opened.model, tmp_path)


def test_a_file_of_folded_convolutions_alone_opens(tmp_path):
    module = reference(upscale=2)
    output_of(module, images((5, 5)))  # the reference folds when it is run
    state = {key: values for key, values in module.state_dict().items() if ".sk." not in key and ".conv." not in key}
    torch().save(state, tmp_path / "x.pth")
    opened = vf.open(tmp_path / "x.pth")
    assert opened.dictionary["origin"]["arguments"]["deployed"]
    trained = assert_opens(module, tmp_path, "span", {"deployed": False})
    assert_same(outputs_of(opened.model, images((9, 14))), outputs_of(trained.model, images((9, 14))))


def test_what_is_folded_is_the_deployed_model_with_the_convolutions_that_the_reference_folds(tmp_path):
    module = reference(upscale=2)
    opened = assert_opens(module, tmp_path, "span", {})
    dictionary, run = vf.fold(opened.dictionary, opened.model)
    assert dictionary == vf.canonicalize(vf.definition("span", **{**opened.dictionary["origin"]["arguments"], "deployed": True}))
    assert_same(outputs_of(run, images((9, 14))), outputs_of(opened.model, images((9, 14))))
    vf.save_weights(run, tmp_path / "folded.pth", names="reference")
    written = torch().load(tmp_path / "folded.pth", weights_only=True)
    theirs = {key: values for key, values in module.state_dict().items() if key in written}
    assert {key for key in module.state_dict() if ".sk." not in key and ".conv." not in key} == set(written)
    for key, values in theirs.items():
        np.testing.assert_allclose(written[key], values, atol=1e-5 * float(values.max() - values.min()), err_msg=key)
    assert vf.open(tmp_path / "folded.pth").dictionary["origin"] == dictionary["origin"]
