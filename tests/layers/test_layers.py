"""Each layer computes what an independent formula says, equally on every backend, and saves and loads without Lambda."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from attention_formulas import FORMULAS, softmax
from layer_cases import CASES, example

from visionfw.graph.language import defaults
from visionfw.imaging.resize import imresize
from visionfw.layers import LAYERS, padding


def by_formula(name, x, weights):
    """Compute a layer's output in plain NumPy, pixel by pixel where that is plainest."""
    parameters = CASES[name][0]
    if name in FORMULAS:
        return FORMULAS[name](x, weights)
    if name == "BatchNormalization":
        gamma, beta, mean, variance = weights
        return (x - mean) / np.sqrt(variance + parameters["epsilon"]) * gamma + beta
    if name == "GroupNormalization":
        gamma, beta = weights
        grouped = x.reshape(2, 12, 2, 3)
        mean, variance = (figure(axis=(1, 3), keepdims=True) for figure in (grouped.mean, grouped.var))
        return ((grouped - mean) / np.sqrt(variance + 0.01)).reshape(x.shape) * gamma + beta
    if name == "PReLU":
        return np.where(x > 0, x, weights[0] * x)
    if name == "PixelShuffle":
        n, h, w, _ = x.shape
        r, out = parameters["size"], np.empty((n, 2 * h, 2 * w, 3), x.dtype)
        for c in range(3):
            for i in range(r):
                for j in range(r):
                    out[:, i::r, j::r, c] = x[..., c * r * r + i * r + j]
        return out
    if name == "Bicubic":
        return np.stack([imresize(image, parameters["scale"]) for image in x])
    if name == "Nearest":
        return x.repeat(2, axis=1).repeat(2, axis=2)
    if name == "MeanShift":
        return x + np.array([0.1, 0.2, 0.3], np.float32)
    if name == "LayerScale":
        return x * weights[0]
    if name == "ChannelSlice":
        return x[..., 1:3]
    if name == "GlobalDeviationPooling2D":
        return x.std(axis=(1, 2), keepdims=True)
    if name == "ReplicatePadding":
        return np.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0)), mode="edge")
    if name == "ReflectPadding":
        return np.pad(x, ((0, 0), (2, 1 + 2), (3, 3 + 1), (0, 0)), mode="reflect")
    if name == "AdaptivePooling2D":
        rows, columns = ([(p * size // new, -(-(p + 1) * size // new)) for p in range(new)] for size, new in ((7, 2), (11, 3)))
        return np.stack([np.stack([x[:, a:b, c:d].mean(axis=(1, 2)) for c, d in columns], axis=1) for a, b in rows], axis=1)
    if name == "Divide":
        return x[0] / (x[1] + 0.5)
    if name == "GlobalResponseNormalization":
        norms = np.linalg.norm(x.reshape(2, 12, 5), axis=1)[:, None, None]
        return weights[0] * x * norms / (norms.mean(axis=-1, keepdims=True) + 0.01) + weights[1] + x
    if name == "Power":
        return np.sqrt(x + 0.1)
    if name == "Reduce":
        return np.linalg.norm(x, axis=-1, keepdims=True)
    if name == "ChannelShuffle":
        return x[..., [0, 2, 4, 1, 3, 5]]
    if name == "ChannelRepeat":
        return x.repeat(3, axis=-1)
    if name == "OffsetUpsampling":
        return sampled(*x)
    if name == "PixelUnshuffle":
        return np.stack([x[:, i::2, j::2, c] for c in range(3) for i in range(2) for j in range(2)], axis=-1)
    if name == "ResizeLike":
        return interpolated(x[0], (7, 9), lambda distance: max(0, 1 - abs(distance)))
    if name == "Interpolate":
        return interpolated(x, (15, 12), keys)
    if name == "EdgeFilter":  # Sobel's vertical difference, written out
        rows = x[:, :-2] - x[:, 2:]
        return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) * weights[0].ravel() + weights[1]
    if name == "PadToMinimum":
        return np.pad(x, ((0, 0), (0, 1), (0, 0), (0, 0)), mode="edge")
    if name == "PadToMultiple":
        return np.pad(x, ((0, 0), (0, 1), (0, 3), (0, 0)), mode="reflect")
    if name == "CropPadding":
        return x[0][:, :6, :10]
    if name == "SinusoidalEmbedding":
        angles = x * 100.0 * 10_000.0 ** (-np.arange(4) / 4)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    if name == "SpectralConv2D":
        return spectral(x, *weights)
    if name == "SelfAttention":
        return attention(x, weights, lambda p, q: True, lambda p, q, head: 0.0)
    bias = weights[4].reshape(7, 7, 2)

    def same_window(p, q):
        rolled = [((place[0] - 2) // 4, (place[1] - 2) // 4) for place in (p, q)]
        return rolled[0] == rolled[1]

    return attention(x, weights, same_window, lambda p, q, head: bias[p[0] - q[0] + 3, p[1] - q[1] + 3, head])


def keys(distance, a=-0.75):
    """Return Keys' cubic convolution kernel."""
    d = abs(distance)
    return ((a + 2) * d - (a + 3)) * d * d + 1 if d <= 1 else a * (((d - 5) * d + 8) * d - 4) if d < 2 else 0.0


def interpolated(x, size, kernel):
    """Interpolate with a kernel, pixel by pixel; the edge goes on outside."""
    for axis, new in zip((1, 2), size, strict=True):
        old = x.shape[axis]
        matrix = np.zeros((new, old))
        for target in range(new):
            place = (target + 0.5) * old / new - 0.5
            for sample in range(-3, old + 3):
                matrix[target, np.clip(sample, 0, old - 1)] += kernel(place - sample)
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


def sampled(image, offsets, scale=2, groups=2):
    """Read each output pixel bilinearly, where its offsets say; outside is the edge."""
    n, h, w, c = image.shape
    out = np.zeros((n, h * scale, w * scale, c))
    offsets = offsets.reshape(n, h, w, 2, groups, scale, scale)
    for b, y, x, g, i, j in np.ndindex(n, h, w, groups, scale, scale):
        right, down = offsets[b, y, x, :, g, i, j]
        row = np.clip(y + (i + 0.5) / scale - 0.5 + down, 0, h - 1)
        column = np.clip(x + (j + 0.5) / scale - 0.5 + right, 0, w - 1)
        for near in np.ndindex(h, w):
            share = max(0, 1 - abs(near[0] - row)) * max(0, 1 - abs(near[1] - column))
            channels = slice(g * c // groups, (g + 1) * c // groups)
            out[b, y * scale + i, x * scale + j, channels] += share * image[b, *near, channels]
    return out


def spectral(x, kernel, bias, left):
    """Convolve by 3 x 3 with stride 2, a kernel divided by what the power iteration says of its largest singular value, tap by tap."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    left = left / np.linalg.norm(left)
    right = left @ matrix.T
    kernel = kernel / ((right / np.linalg.norm(right)) @ matrix @ left.T)
    n, h, w, _ = x.shape
    padded = np.pad(x, ((0, 0), (0, 1), (1, 1), (0, 0)))  # 6 rows need one more at the end, 5 columns one at each side
    out = np.zeros((n, -(-h // 2), -(-w // 2), kernel.shape[-1]))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            out[:, i, j] = np.tensordot(padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3], kernel, 3) + bias
    return out


def test_spectral_normalization_comes_to_the_largest_singular_value():
    layer, x = example("SpectralConv2D")
    for _ in range(50):
        layer(x, training=True)
    before = layer(x)
    kernel, bias, left = layer.get_weights()
    largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    layer.set_weights([kernel / largest, bias, left])
    plain = keras.layers.Conv2D(4, 3, strides=2, padding="same")
    plain.build(x.shape)
    plain.set_weights([kernel / largest, bias])
    np.testing.assert_allclose(before, plain(x), atol=1e-5)


def attention(x, weights, sees, bias, heads=2):
    """Attend pixel by pixel: `sees(p, q)` says whether pixel p attends to q, `bias(p, q, head)` what is added."""
    kernel, offset, projection, shift = weights[:4]
    n, h, w, c = x.shape
    out = np.zeros_like(x)
    places = [(i, j) for i in range(h) for j in range(w)]
    depth = c // heads
    for b in range(n):
        qkv = x[b] @ kernel + offset
        q, k, v = (qkv[..., s * c : (s + 1) * c].reshape(h, w, heads, depth) for s in range(3))
        for p in places:
            seen = [place for place in places if sees(p, place)]
            mixed = []
            for head in range(heads):
                logits = np.array([q[p][head] @ k[s][head] / np.sqrt(depth) + bias(p, s, head) for s in seen])
                mixed.append(sum(weight * v[s][head] for weight, s in zip(softmax(logits), seen, strict=True)))
            out[b][p] = np.concatenate(mixed) @ projection + shift
    return out


def test_every_layer_has_a_case():
    assert sorted(CASES) == sorted(LAYERS)


@pytest.mark.parametrize("name", CASES)
def test_the_layer_computes_its_formula(name):
    layer, x = example(name)
    doubles = keras.tree.map_structure(lambda array: array.astype(np.float64), x)
    expected = by_formula(name, doubles, [np.asarray(weight, np.float64) for weight in layer.get_weights()])
    np.testing.assert_allclose(layer(x), expected, atol=2e-5)
    shapes = [(None, *one.shape[1:]) for one in x] if isinstance(x, list) else (None, *x.shape[1:])
    assert tuple(layer.compute_output_shape(shapes))[1:] == expected.shape[1:]


@pytest.mark.parametrize("name", CASES)
def test_the_layer_saves_and_loads(name, tmp_path):
    layer, x = example(name)
    entry = keras.tree.map_structure(lambda array: keras.Input(array.shape[1:]), x)
    model = keras.Model(entry, layer(entry))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)


@pytest.mark.parametrize("name", [name for name, (_, shape) in CASES.items() if isinstance(shape, list) or len(shape) == 4])
def test_the_layer_takes_images_of_any_size(name):
    layer, x = example(name)
    entry = keras.tree.map_structure(lambda array: keras.Input((None, None, array.shape[-1]) if array.ndim == 4 else array.shape[1:]), x)
    model = keras.Model(entry, layer(entry))
    np.testing.assert_allclose(model.predict_on_batch(x), layer(x), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_computes_the_same(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    script = Path(__file__).parents[1] / "support" / "layer_cases.py"
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parents[2]), "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([sys.executable, str(script), str(tmp_path / "out.npz")], env=environment, check=True, capture_output=True, timeout=300)
    with np.load(tmp_path / "out.npz") as results:
        assert str(results["backend"]) == backend
        for name in CASES:
            layer, x = example(name)
            np.testing.assert_allclose(results[name], layer(x), atol=2e-5, err_msg=name)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_padding_and_bicubic_take_the_smallest_images(size):
    x = np.random.default_rng(0).random((1, size, size, 2)).astype("float32")
    np.testing.assert_allclose(LAYERS.load("ReplicatePadding")(2)(x), np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge"))
    np.testing.assert_allclose(LAYERS.load("Bicubic")(2)(x)[0], imresize(x[0], 2), atol=1e-6)
    assert LAYERS.load("ReflectPadding")(1)(x).shape == (1, size + 2, size + 2, 2)


@pytest.mark.parametrize("name", ["BlockAttention", "BlockChannelAttention"])
def test_attention_in_the_other_groups_computes_its_formula(name):
    parameters, shape = CASES[name]
    layer = LAYERS.load(name)(**parameters | {"grid": not parameters.get("grid", False)})
    layer.build((None, *shape[1:]))
    random = np.random.default_rng(0)
    layer.set_weights([random.normal(0, 0.5, weight.shape) for weight in layer.weights])
    x = random.random(shape).astype("float32")
    np.testing.assert_allclose(layer(x), FORMULAS[name](x, layer.get_weights(), grid=layer.grid), atol=1e-5)


@pytest.mark.parametrize("edge", ["reflect", "symmetric", "replicate", "zeros"])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_an_image_is_padded_to_a_multiple_however_small_it_is(size, edge):
    x = np.random.default_rng(0).random((1, size, 5, 2)).astype("float32")
    layer = LAYERS.load("PadToMultiple")(8, edge)
    added = ((0, 0), (0, -size % 8), (0, 3), (0, 0))
    expected = np.pad(x, added, mode={"replicate": "edge", "zeros": "constant"}.get(edge, edge))
    np.testing.assert_array_equal(layer(x), expected)
    entry = keras.Input((None, None, 2))
    np.testing.assert_array_equal(keras.Model(entry, layer(entry)).predict_on_batch(x), expected)


def test_padding_leaves_an_image_alone_that_fits():
    x = keras.ops.zeros((1, 8, 16, 3))
    assert LAYERS.load("PadToMultiple")(8).call(x) is x


def test_the_language_and_the_layer_know_the_same_edges():
    assert sorted(padding.EDGES) == sorted(defaults.EDGES)


def test_half_a_pixel_is_kept_where_the_scale_is_a_fraction():
    """Seven rows padded to eight, and pooled by two to four: of the padded row and its neighbor came one, which is kept."""
    crop = LAYERS.load("CropPadding")(4, 0.5)
    assert crop.compute_output_shape([(1, 4, 4, 1), (1, 7, 6, 1)]) == (1, 4, 3, 1)


@pytest.mark.parametrize(
    ("name", "parameters", "shape", "sentence"),
    [
        ("PixelShuffle", {"size": 0}, None, "size must be a whole number of at least 1, not 0"),
        ("PixelShuffle", {"size": 2}, (None, 4, 4, 6), "6 channels are no multiple of 2 x 2"),
        ("PixelUnshuffle", {"size": 2}, (None, 4, 5, 3), "sides of 4 x 5 are no multiples of 2; the model's key 'multiple' pads them"),
        ("ResizeLike", {"interpolation": "cubic"}, None, "interpolation must be nearest, bilinear, bicubic, not 'cubic'"),
        ("ResizeLike", {}, (None, 4, 4, 3), "takes two sources: an image, and one that has the size it is resized to"),
        ("Interpolate", {"scale": 0.5}, None, "scale must be a whole number of at least 1, not 0.5"),
        ("AdaptivePooling2D", {"divisor": 0}, None, "divisor must be a whole number of at least 1, not 0"),
        ("AdaptivePooling2D", {"kind": "mean"}, None, "kind must be max or average, not 'mean'"),
        ("Reduce", {"statistic": "median"}, None, "statistic must be mean, max, sum, variance, norm, not 'median'"),
        ("Reduce", {"over": "batch"}, None, "over must be channels, image, rows, columns, not 'batch'"),
        ("MeanShift", {"sign": 2}, None, "sign must be 1 or -1, not 2"),
        ("MeanShift", {}, (None, 4, 4, 1), "mean has 3 values for 1 channels"),
        ("ChannelSlice", {"start": 2, "stop": 9}, (None, 4, 4, 5), "channels 2 to 9 of 5 cannot be kept"),
        ("ReplicatePadding", {"padding": -1}, None, "padding must be a number"),
        ("ReflectPadding", {"multiple": 0}, None, "multiple must be a whole number of at least 1, not 0"),
        ("ChannelShuffle", {"groups": 0}, None, "groups must be a whole number of at least 1, not 0"),
        ("ChannelShuffle", {"groups": 4}, (None, 4, 4, 6), "6 channels cannot be split into 4 groups"),
        ("ChannelRepeat", {"times": 0}, None, "times must be a whole number of at least 1, not 0"),
        ("OffsetUpsampling", {"scale": 0}, None, "scale must be a whole number of at least 1, not 0"),
        ("OffsetUpsampling", {}, (None, 4, 4, 8), "takes two sources: an image and its offsets"),
        ("OffsetUpsampling", {"groups": 3}, [(None, 4, 4, 8), (None, 4, 4, 24)], "8 channels cannot be split into 3 groups"),
        ("OffsetUpsampling", {"groups": 4}, [(None, 4, 4, 8), (None, 4, 4, 24)], "4 groups at scale 2 need 32 channels of offsets, not 24"),
        ("BlockAttention", {"heads": 5}, (None, 8, 8, 24), "24 channels cannot be split into queries, keys and values of 5 heads"),
        ("BlockAttention", {}, (None, 8, 9, 24), "sides of 8 and 9 are no multiples of the window 8; the dictionary's key 'multiple' pads them"),
        ("BlockChannelAttention", {"window": 0}, None, "window must be a whole number of at least 1, not 0"),
        ("PadToMinimum", {"minimum": 0}, None, "minimum must be a whole number of at least 1, not 0"),
        ("PadToMultiple", {"multiple": 0}, None, "multiple must be a whole number of at least 1, not 0"),
        ("PadToMultiple", {"edge": "mirror"}, None, "edge must be reflect, symmetric, replicate, zeros, not 'mirror'"),
        ("CropPadding", {"scale": 0}, None, "scale must be above 0, not 0"),
        ("OverlappingWindowAttention", {"overlap": 3}, None, "window must be at least 1 and overlap an even number of pixels, not 16 and 3"),
        ("PermutedWindowAttention", {"window": 7}, None, "window must be even and shift from 0 to window - 1, not 7 and 0"),
        ("PermutedWindowAttention", {"heads": 3}, (None, 4, 4, 6), "6 channels are no multiple of 4, the pixels of a token"),
        ("WindowAttention", {"heads": 2, "window": 4, "shift": 4}, None, "shift from 0 to window - 1"),
        ("ChannelSelfAttention", {"heads": 3}, (None, 4, 4, 24), "24 channels cannot be split into queries, keys and values of 3 heads"),
        ("RectangleWindowAttention", {"window": [8, 12]}, None, "window must be two sides of which one divides the other"),
        ("RectangleWindowAttention", {"heads": 4}, (None, 4, 4, 90), "90 channels cannot be split into queries, keys and values of 2 heads in each half"),
        ("RectangleWindowAttention", {"heads": 4}, (None, 4, 4, 48), "48 channels of queries, keys and values are fewer than 96"),
        ("RecursiveGeneralizationAttention", {"heads": 4}, (None, 8, 8, 12), "12 and 6 channels cannot be split among 4 heads"),
        ("CategoryAttention", {"heads": 3}, [(None, 4, 4, 24), (None, 4, 4, 5)], "24 channels cannot be split into queries, keys and values of 3 heads"),
        ("QkvWindowAttention", {"heads": 3}, (None, 4, 4, 24), "24 channels cannot be split into queries, keys and values of 3 heads"),
        ("QkvWindowAttention", {"shift": 8}, None, "shift from 0 to window - 1, not 6, 8 and 8"),
        ("TokenDictionary", {"tokens": 0}, None, "tokens must be at least 1, not 0"),
        ("TokenMixture", {}, [(None, 4, 4, 5), (None, 6, 8)], "has shares of 5 tokens, and 6 tokens"),
        ("TokenSimilarity", {"reduced": 0}, None, "reduced must be at least 1, not 0"),
        ("SelfAttention", {"heads": 3}, (None, 4, 4, 8), "8 channels cannot be split among 3 heads"),
        ("SinusoidalEmbedding", {"features": 7}, None, "features must be even, not 7"),
    ],
)
def test_wrong_parameters_are_reported(name, parameters, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        LAYERS.load(name)(**parameters).compute_output_shape(shape)


def test_a_mean_color_of_255_is_not_rounded_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = LAYERS.load("MeanShift")(mean=[114.444], sign=1)
    finally:
        keras.config.set_dtype_policy(before)
    assert float(np.ravel(layer(keras.ops.ones((1, 1, 1, 1), "bfloat16")))[0]) == np.float32(115.444)
