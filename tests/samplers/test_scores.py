"""How the values that the training step records become scores: the lower a score, the more a patch has to offer."""

import numpy as np
import pytest

from visionfw.samplers import PSNRGain
from visionfw.samplers.scores import SCORES

BICUBIC = np.array([40.0, 30.0, 20.0], np.float32)
IDS = np.array([2, 0])


def scores_of(name, values):
    return SCORES[name].compute(np.array(values, np.float32), IDS, {"bicubic_psnr": BICUBIC}.__getitem__)


def test_a_gain_is_the_psnr_minus_bicubics():
    np.testing.assert_allclose(scores_of("gain", [25.0, 41.0]), [5.0, 1.0])


def test_a_psnr_is_itself():
    np.testing.assert_allclose(scores_of("psnr", [25.0, 41.0]), [25.0, 41.0])


def test_a_high_loss_is_a_low_score():
    np.testing.assert_allclose(scores_of("loss", [0.2, 0.05]), [-0.2, -0.05], rtol=1e-6)


@pytest.mark.parametrize(("name", "worse", "better"), [("gain", 20.5, 43.0), ("psnr", 20.0, 45.0), ("loss", 0.3, 0.01)])
def test_the_patch_that_the_model_does_worse_is_drawn_more_often_afterwards(name, worse, better):
    sampler = PSNRGain(3, score=name)
    sampler.update(IDS, scores_of(name, [worse, better]))
    probabilities = sampler.probabilities()
    assert probabilities[2] > probabilities[0]


@pytest.mark.parametrize("name", SCORES)
def test_scores_are_finite_whatever_is_recorded(name):
    assert np.isfinite(scores_of(name, [np.nan, np.inf])).all()
    assert np.isfinite(scores_of(name, [-np.inf, 1.0])).all()
