"""InceptionV3's features, on a small network in its place."""

import keras
import numpy as np
import pytest

from visionfw.errors import RequestError
from visionfw.metrics.inception import Inception


def small_inception(weights):
    x = keras.Input((299, 299, 3))
    pooled = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    model = keras.Model(x, keras.layers.Dense(4, activation="softmax")(pooled))
    if weights != "imagenet":
        model.load_weights(weights)
    return model


def test_inception_reads_pixels_between_minus_one_and_one(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", small_inception)
    small_inception("imagenet").save_weights(tmp_path / "x.weights.h5")
    features, classes = Inception({"inception": str(tmp_path / "x.weights.h5")})(np.full((20, 30, 3), [0, 128, 255], np.uint8))
    np.testing.assert_allclose(features, [-1, 128 / 127.5 - 1, 1], atol=1e-5)
    assert classes.sum() == pytest.approx(1)
    (tmp_path / "y.weights.h5").write_text("nothing")
    with pytest.raises(RequestError, match=r"inception=.*y\.weights\.h5: does not fit InceptionV3 with its top"):
        Inception({"inception": str(tmp_path / "y.weights.h5")})


def test_nothing_is_downloaded_unasked(monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda weights: pytest.fail("downloads"))
    with pytest.raises(RequestError, match="--metrics=kid needs the weights"):
        Inception({}, needed_by="--metrics=kid")
