"""RCAN against spandrel's, in both directions: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel, torch

import visionfw as vf

SMALL = {"n_resgroups": 2, "n_resblocks": 3, "n_feats": 16, "reduction": 4}
OURS = {"groups": 2, "blocks": 3, "filters": 16, "reduction": 4}


def reference(**arguments):
    """Return spandrel's RCAN with random weights, but for the mean, which is a constant, and a function that leaves its input alone."""
    spandrel()
    from spandrel.architectures.RCAN import RCAN

    means = [f"{sign}_mean.{kind}" for sign in ("sub", "add") for kind in ("weight", "bias")]
    module = randomized(RCAN(**SMALL | arguments), constants=means)
    return module, lambda x: module(x.clone())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"scale": 2}, {"scale": 2, "mean_shift": True}),
        ({"scale": 3, "kernel_size": 5}, {"scale": 3, "kernel_size": 5}),
        ({"scale": 4}, {"scale": 4}),
        ({"scale": 8}, {"scale": 8}),
        ({"scale": 2, "norm": False, "n_colors": 1}, {"scale": 2, "mean_shift": False, "image_range": 1.0, "color": "y"}),
        ({"scale": 2, "unshuffle_mod": True}, {"scale": 2, "unshuffle": 2}),
        ({"scale": 1, "unshuffle_mod": True}, {"scale": 1, "unshuffle": 4}),
    ],
)
def test_rcan(theirs, ours, tmp_path):
    module, forward = reference(**theirs)
    channels = theirs.get("n_colors", 3)
    opened = assert_opens(module, tmp_path, "rcan", OURS | ours, channels, forward=forward)
    assert any("image_range=255" in remark for remark in opened.remarks) == ours.get("mean_shift", True)
    assert_writes(opened.model, tmp_path, channels)


def test_rcan_for_restoration(tmp_path):
    """Spandrel takes every RCAN without upsampling for one of 64 features."""
    module, forward = reference(scale=1, n_feats=64)
    opened = assert_opens(module, tmp_path, "rcan", OURS | {"filters": 64, "scale": 1, "reduction": 4}, forward=forward)
    assert_writes(opened.model, tmp_path)


def renamed(key):
    """Return a key of the authors' state_dict as BasicSR has it; None for the mean, which it keeps outside."""
    if "_mean" in key:
        return None
    kind = key.rpartition(".")[2]
    parts = key.split(".")
    if parts[0] == "head":
        return f"conv_first.{kind}"
    if parts[0] == "tail":
        return f"conv_last.{kind}" if parts[1] == "1" else f"upsample.{parts[2]}.{kind}"
    if len(parts) == 3:
        return f"conv_after_body.{kind}"
    if len(parts) == 5:
        return f"body.{parts[1]}.conv.{kind}"
    inside = f"body.{parts[1]}.residual_group.{parts[3]}.rcab"
    return f"{inside}.{parts[5]}.{kind}" if len(parts) == 7 else f"{inside}.3.attention.{int(parts[7]) + 1}.{kind}"


def test_basicsrs_keys_of_the_same_network_open_too(tmp_path):
    module, _ = reference(scale=4)
    torch().save({new: values for key, values in module.state_dict().items() if (new := renamed(key))}, tmp_path / "basicsr.pth")
    torch().save(module.state_dict(), tmp_path / "authors.pth")
    ours, others = vf.open(tmp_path / "basicsr.pth"), vf.open(tmp_path / "authors.pth")
    assert ours.dictionary["origin"]["arguments"].items() <= others.dictionary["origin"]["arguments"].items()
    for one, other in zip(ours.model.weights, others.model.weights, strict=True):
        assert (one.numpy() == other.numpy()).all() if hasattr(one, "numpy") else (one.value == other.value).all()


def test_a_file_of_another_range_is_opened_with_a_remark(tmp_path):
    """No shape tells the range, but the mean color that the file holds does."""
    module, _ = reference(scale=2, rgb_range=1)
    torch().save(module.state_dict(), tmp_path / "x.pth")
    remarks = vf.open(tmp_path / "x.pth").remarks
    assert "differs: sub_mean.bias has -0.4488 in the file where this architecture has -114.444, so outputs may be wrong" in remarks
    module, _ = reference(scale=2)
    torch().save(module.state_dict(), tmp_path / "x.pth")
    assert not any("differs" in remark for remark in vf.open(tmp_path / "x.pth").remarks)
