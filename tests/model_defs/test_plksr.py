"""PLKSR and RealPLKSR against spandrel's, in both directions: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel

import visionfw as vf

SMALL = {"dim": 24, "n_blocks": 2, "kernel_size": 5, "split_ratio": 0.25}
#: What visionfw calls the same.
OURS = {"filters": 24, "blocks": 2, "kernel_size": 5, "partial": 6}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"upscaling_factor": 4}, {"scale": 4, "attention": True, "layer_norm": False, "dysample": False}),
        ({"upscaling_factor": 2, "layer_norm": True}, {"scale": 2, "layer_norm": True}),
        ({"upscaling_factor": 1, "use_ea": False}, {"scale": 1, "attention": False}),
        ({"upscaling_factor": 1, "dysample": True}, {"scale": 1, "dysample": True}),
        ({"upscaling_factor": 2, "dysample": True}, {"scale": 2, "dysample": True}),
        ({"upscaling_factor": 3, "dysample": True}, {"scale": 3, "dysample": True}),
        ({"upscaling_factor": 4, "dysample": True, "layer_norm": True}, {"scale": 4, "dysample": True, "layer_norm": True}),
        ({"upscaling_factor": 2, "split_ratio": 1.0}, {"scale": 2, "partial": 24}),
    ],
)
def test_realplksr(theirs, ours, tmp_path):
    spandrel()
    from spandrel.architectures.PLKSR import RealPLKSR

    module = randomized(RealPLKSR(**SMALL | theirs), seed=2)
    opened = assert_opens(module, tmp_path, "realplksr", OURS | ours)
    assert any("norm_groups=4" in remark for remark in opened.remarks)
    assert_writes(opened.model, tmp_path)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"upscaling_factor": 4, "ccm_type": "DCCM"}, {"scale": 4, "mixer": "DCCM", "attention": True}),
        ({"upscaling_factor": 3, "ccm_type": "CCM", "use_ea": False}, {"scale": 3, "mixer": "CCM", "attention": False}),
        ({"upscaling_factor": 1, "ccm_type": "ICCM"}, {"scale": 1, "mixer": "ICCM"}),
    ],
)
def test_plksr(theirs, ours, tmp_path):
    spandrel()
    from spandrel.architectures.PLKSR import PLKSR

    opened = assert_opens(randomized(PLKSR(**SMALL | theirs)), tmp_path, "plksr", OURS | ours)
    assert_writes(opened.model, tmp_path)


def test_the_identity_of_plksr_that_no_shape_tells_is_an_argument(tmp_path):
    spandrel()
    from reference_models import assert_same, images, output_of, outputs_of, torch
    from spandrel.architectures.PLKSR import PLKSR

    module = randomized(PLKSR(**SMALL, upscaling_factor=2, ccm_type="DCCM", with_idt=True))
    torch().save(module.state_dict(), tmp_path / "x.pth")
    model = vf.build(vf.definition("plksr", scale=2, **OURS, identity=True))
    vf.load_weights(model, tmp_path / "x.pth")
    assert_same(outputs_of(model, images((17, 23))), output_of(module, images((17, 23))))


@pytest.mark.parametrize("kind", ["SparsePLK", "RectSparsePLK"])
def test_the_sparse_kernels_of_the_papers_comparison_are_refused(kind, tmp_path):
    spandrel()
    from reference_models import torch
    from spandrel.architectures.PLKSR import PLKSR

    torch().save(PLKSR(**SMALL, lk_type=kind).state_dict(), tmp_path / "x.pth")
    with pytest.raises(vf.VisionfwError, match=r"plksr .*: has sparse large kernels; visionfw's PLKSR has dense ones"):
        vf.open(tmp_path / "x.pth")
