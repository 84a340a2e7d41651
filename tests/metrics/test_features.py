"""LPIPS and Inception's features on weights that the tests make, against independent computations."""

import keras
import numpy as np
import pytest
from torch_files import as_tensors, write_zip

from visionfw.errors import RequestError
from visionfw.metrics.features import Inception, Lpips

#: torchvision's VGG16: the numbers of its convolutions among `features`, and their depths; 'M' is pooling.
LAYERS = [
    (0, 64),
    (2, 64),
    "M",
    (5, 128),
    (7, 128),
    "M",
    (10, 256),
    (12, 256),
    (14, 256),
    "M",
    (17, 512),
    (19, 512),
    (21, 512),
    "M",
    (24, 512),
    (26, 512),
    (28, 512),
]
TAPS = (2, 7, 14, 21, 28)


def convolution(x, kernel, bias):
    """Correlate (h, w, in) with (out, in, 3, 3), zeros around."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))  # (h, w, in, 3, 3)
    return np.tensordot(windows, kernel, axes=([2, 3, 4], [1, 2, 3])) + bias


def features(x, arrays):
    for layer in LAYERS:
        if layer == "M":
            x = x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2]
            x = np.maximum.reduce([x[row::2, column::2] for row in (0, 1) for column in (0, 1)])
            continue
        x = np.maximum(convolution(x, arrays[f"features.{layer[0]}.weight"], arrays[f"features.{layer[0]}.bias"]), 0)
        if layer[0] in (2, 7, 14, 21, 28):
            yield x


@pytest.fixture(scope="module")
def arrays():
    random, made, depth = np.random.default_rng(0), {}, 3
    for layer in LAYERS:
        if layer != "M":
            made[f"features.{layer[0]}.weight"] = random.normal(0, (2 / (9 * depth)) ** 0.5, (layer[1], depth, 3, 3)).astype(np.float32)
            made[f"features.{layer[0]}.bias"] = random.normal(0, 0.05, layer[1]).astype(np.float32)
            depth = layer[1]
    return made


@pytest.mark.slow
def test_lpips_is_its_formula(tmp_path, arrays, photograph):
    random = np.random.default_rng(1)
    linear = {f"lin{number}.model.1.weight": random.random((1, depth, 1, 1)).astype(np.float32) for number, depth in enumerate((64, 128, 256, 512, 512))}
    write_zip(tmp_path / "vgg16.pth", as_tensors(arrays | {"classifier.0.weight": np.zeros((4, 8)), "classifier.0.bias": np.zeros(4)}))
    write_zip(tmp_path / "vgg.pth", as_tensors(linear))
    a, b = photograph[:32, :34], photograph[40:72, 60:94]
    made = Lpips({"vgg16": str(tmp_path / "vgg16.pth"), "lpips": str(tmp_path / "vgg.pth")})
    shift, spread = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    pairs = zip(*(features((image / 127.5 - 1 - shift) / spread, arrays) for image in (a, b)), strict=True)
    expected = 0.0
    for (x, y), weights in zip(pairs, linear.values(), strict=True):
        x, y = (one / np.linalg.norm(one, axis=-1, keepdims=True) for one in (x, y))
        expected += (((x - y) ** 2) * weights.ravel()).sum(axis=-1).mean()
    assert made(a, b) == pytest.approx(expected, rel=1e-3)
    assert made(a, a) == pytest.approx(0, abs=1e-9)
    write_zip(tmp_path / "wrong.pth", as_tensors(dict(list(linear.items())[:3])))
    with pytest.raises(RequestError, match=r"lpips=.*wrong\.pth: holds \[64, 128, 256\] weights, VGG16's layers"):
        Lpips({"vgg16": str(tmp_path / "vgg16.pth"), "lpips": str(tmp_path / "wrong.pth")})


def small_inception(weights):
    x = keras.Input((299, 299, 3))
    pooled = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    model = keras.Model(x, keras.layers.Dense(4, activation="softmax")(pooled))
    if weights != "imagenet":
        model.load_weights(weights)
    return model


def test_inceptions_view_is_of_pixels_between_minus_one_and_one(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", small_inception)
    small_inception("imagenet").save_weights(tmp_path / "x.weights.h5")
    found, classes = Inception("fid", {"inception": str(tmp_path / "x.weights.h5")})(np.full((20, 30, 3), [0, 128, 255], np.uint8))
    np.testing.assert_allclose(found, [-1, 128 / 127.5 - 1, 1], atol=1e-5)
    assert classes.sum() == pytest.approx(1)
    (tmp_path / "y.weights.h5").write_text("nothing")
    with pytest.raises(RequestError, match=r"inception=.*y\.weights\.h5: does not fit InceptionV3 with its top"):
        Inception("fid", {"inception": str(tmp_path / "y.weights.h5")})


def test_nothing_is_downloaded_unasked(monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda weights: pytest.fail("downloads"))
    with pytest.raises(RequestError, match="--metrics=kid needs the weights"):
        Inception("kid", {})
