"""Whole images through a model."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError

BICUBIC = {"name": "bicubic", "scale": 3, "layer": [(0, 1)], "layer_sub": "Bicubic", "layer_par": {"scale": 3}}


def test_bicubic_as_a_model_is_bicubic(photograph):
    made = vf.upscale(vf.build(BICUBIC), photograph[:40, :51])
    assert np.abs(made.astype(int) - vf.imresize(photograph[:40, :51], 3)).max() <= 1


def test_a_model_of_luma_has_chroma_beside_it(photograph):
    made = vf.upscale(vf.build(BICUBIC | {"colour": "y"}), photograph[:40, :51])
    expected = np.clip(np.round(vf.imresize(photograph[:40, :51].astype(float), 3)), 0, 255)
    assert np.abs(made - expected).max() <= 1


def test_a_grey_image_stays_grey(photograph):
    grey = photograph[:30, :31, 0]
    made = vf.upscale(vf.build(BICUBIC), grey)
    assert made.shape == (90, 93)
    assert np.abs(made.astype(int) - vf.imresize(grey, 3)).max() <= 1


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_what_is_no_image_is_told(image):
    with pytest.raises(RequestError, match="an image is"):
        vf.upscale(vf.build(BICUBIC), image)


def test_a_model_of_several_inputs_is_told():
    a, b = (keras.Input((None, None, 3), name=name) for name in "ab")
    with pytest.raises(RequestError, match="several inputs"):
        vf.upscale(keras.Model([a, b], keras.layers.Add()([a, b])), np.zeros((4, 4, 3), np.uint8))
