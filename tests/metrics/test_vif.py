"""Visual information fidelity, where torchmetrics is installed."""

import numpy as np
import pytest

from visionfw.errors import RequestError
from visionfw.metrics.vif import vif

pytest.importorskip("torchmetrics")


def test_it_is_one_for_equal_images_and_less_for_blurred_ones(photograph):
    blurred = (photograph.astype(float) + np.roll(photograph, 1, 0) + np.roll(photograph, 1, 1)) / 3
    assert vif(photograph, photograph) == pytest.approx(1, abs=1e-3)
    assert 0.1 < vif(blurred, photograph) < 0.9


def test_small_images_are_refused():
    with pytest.raises(RequestError, match="VIF needs 41 x 41 pixels, but the images have 40 x 90"):
        vif(np.zeros((40, 90)), np.zeros((40, 90)))
