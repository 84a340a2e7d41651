"""LPIPS, Inception's and VGG19's features on weights that the tests make, against independent computations."""

import keras
import numpy as np
import pytest
from torch_files import as_tensors, write_zip
from visionfw.metrics.features import Inception, Lpips, Vgg19

from visionfw.errors import RequestError
from visionfw.losses import LossContext, parse_loss

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


#: torchvision's VGG19: the numbers of its convolutions among `features`, block by block, and their depths.
BLOCKS = [((0, 2), 64), ((5, 7), 128), ((10, 12, 14, 16), 256), ((19, 21, 23, 25), 512), ((28, 30, 32, 34), 512)]


@pytest.fixture(scope="module")
def vgg19():
    """Weights as torchvision has them, which keep the size of what passes through."""
    random, made, depth = np.random.default_rng(2), {}, 3
    for numbers, filters in BLOCKS:
        for number in numbers:
            made[f"features.{number}.weight"] = random.normal(0, (2 / (9 * depth)) ** 0.5, (filters, depth, 3, 3)).astype(np.float32)
            made[f"features.{number}.bias"] = random.normal(0, 0.05, filters).astype(np.float32)
            depth = filters
    return made


def vgg19_features(x, arrays, last, activated):
    """Compute the features behind convolution number `last`, before or after its activation."""
    for block, (numbers, _) in enumerate(BLOCKS):
        if block:
            x = np.maximum.reduce([x[row::2, column::2] for row in (0, 1) for column in (0, 1)])
        for number in numbers:
            x = convolution(x, arrays[f"features.{number}.weight"], arrays[f"features.{number}.bias"])
            if number == last and not activated:
                return x
            x = np.maximum(x, 0)
            if number == last:
                return x
    raise AssertionError(last)


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "number", "activated"), [("relu5_4", 34, True), ("conv5_4", 34, False), ("vgg22", 7, True)])
def test_vgg19s_features_from_pytorchs_weights(tmp_path, vgg19, photograph, layer, number, activated):
    write_zip(tmp_path / "vgg19.pth", as_tensors(vgg19 | {"classifier.0.weight": np.zeros((4, 8)), "classifier.0.bias": np.zeros(4)}))
    files = {"vgg19": str(tmp_path / "vgg19.pth")}
    features = Vgg19(parse_loss(f"vgg:layer={layer}").terms[0].spec.options["layer"], files)
    pair = np.stack([photograph[:16, :16], photograph[40:56, 60:76]]).astype(np.float32) / 255
    expected = [vgg19_features((image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], vgg19, number, activated) for image in pair]
    np.testing.assert_allclose(features(pair), expected, rtol=2e-3, atol=2e-3)
    for distance, of in (("mse", np.square), ("l1", np.abs)):
        loss = parse_loss(f"0.5*vgg:layer={layer},distance={distance}").build(LossContext(feature_weights=files))
        made = keras.ops.convert_to_numpy(loss(pair[:1], pair[1:]))
        assert made == pytest.approx(0.5 * of(expected[0] - expected[1]).mean(), rel=1e-3)


@pytest.mark.slow
def test_vgg19s_features_from_keras_weights_are_of_bgr_levels(tmp_path, vgg19, photograph):
    network = keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))
    values = [array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for array in vgg19.values()]
    network.set_weights(values)
    write_keras_2(tmp_path / "vgg19.h5", network)
    image = photograph[:16, :16].astype(np.float64)
    made = keras.ops.convert_to_numpy(Vgg19("relu2_2", {"vgg19": str(tmp_path / "vgg19.h5")})(image[None].astype(np.float32) / 255))[0]
    expected = vgg19_features(image[..., ::-1] - [103.939, 116.779, 123.68], vgg19, 7, True)
    np.testing.assert_allclose(made, expected, rtol=2e-3, atol=0.05)


def write_keras_2(path, network):
    """Write weights in the layout of Keras' published .h5 files."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in ("W", "b")] if layer.weights else []
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=weight)


def test_vgg19_needs_weights():
    with pytest.raises(RequestError, match=r"--loss=vgg needs the weights of VGG19 .*: give --feature_weights=vgg19=FILE or --allow_download"):
        Vgg19("relu5_4", {})


@pytest.mark.slow
def test_vgg19_with_batch_normalization_is_not_vgg19(tmp_path, vgg19):
    more = {f"features.{number}.running_mean": np.zeros(64, np.float32) for number in (1, 4)}
    more |= {f"features.{number}.running_var": np.ones(64, np.float32) for number in (1, 4)}
    write_zip(tmp_path / "vgg19_bn.pth", as_tensors(vgg19 | more))
    with pytest.raises(RequestError, match=r"vgg19_bn\.pth: is not VGG19 as it was published"):
        Vgg19("relu5_4", {"vgg19": str(tmp_path / "vgg19_bn.pth")})
