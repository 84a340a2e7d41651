"""SAFMN against spandrel's, in both directions: weights, arguments and outputs."""

import pytest
from reference_models import assert_opens, assert_writes, randomized, spandrel


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"upscaling_factor": 4}, {"scale": 4, "hidden": 32}),
        ({"upscaling_factor": 3, "ffn_scale": 1.5}, {"scale": 3, "hidden": 24}),
        ({"upscaling_factor": 1, "n_blocks": 1}, {"scale": 1, "blocks": 1}),
    ],
)
def test_safmn(theirs, ours, tmp_path):
    spandrel()
    from spandrel.architectures.SAFMN import SAFMN

    module = randomized(SAFMN(**{"dim": 16, "n_blocks": 2} | theirs))
    sizes = ((17, 23), (30, 13), (8, 15), (39, 62))
    opened = assert_opens(module, tmp_path, "safmn", {"filters": 16, "blocks": 2} | ours, sizes=sizes)
    assert_writes(opened.model, tmp_path, sizes=((16, 24), (40, 8)))  # spandrel mirrors other sizes to the next multiple of 8 first
