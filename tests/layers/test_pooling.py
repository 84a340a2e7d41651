"""Pooling to a fraction of the size agrees with PyTorch's at any size; statistics over every choice of axes."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.graph.checking.check import examine
from visionfw.layers.pooling import AdaptivePooling2D, Reduce


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("divisor", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [(16, 24), (15, 23), (9, 8), (17, 31)])
def test_pooling_to_a_fraction_is_pytorchs(kind, divisor, size):
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[interop]'")
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    pool = torch.nn.functional.adaptive_max_pool2d if kind == "max" else torch.nn.functional.adaptive_avg_pool2d
    expected = pool(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), tuple(side // divisor for side in size))
    layer = AdaptivePooling2D(divisor, kind)
    np.testing.assert_allclose(layer(x), expected.numpy().transpose(0, 2, 3, 1), atol=1e-6)
    entry = keras.Input((None, None, 3))
    np.testing.assert_allclose(keras.Model(entry, layer(entry)).predict(x, verbose=0), layer(x), atol=1e-6)


def test_something_is_left_of_the_smallest_image():
    assert AdaptivePooling2D(8)(np.zeros((1, 3, 1, 2), np.float32)).shape == (1, 1, 1, 2)


def test_features_pooled_and_resized_back_leave_a_model_exact_at_any_size():
    """As in SAFMN."""
    pyramid = [("f", [("AdaptivePooling2D", {"divisor": 2**level}), "Conv2D"], f"small_{level}") for level in (1, 2, 3)]
    pyramid += [((f"small_{level}", "f"), "ResizeLike", f"large_{level}", {"interpolation": "nearest"}) for level in (1, 2, 3)]
    d = {
        "name": "pyramid",
        "scale": 2,
        "defaults": {"conv": {"filters": 4}},
        "links": [
            (0, "Conv2D", "f"),
            *pyramid,
            (("f", "large_1", "large_2", "large_3"), "Concatenate", "all"),
            ("all", [("Conv2D", {"filters": 12}), "PixelShuffle"], "sr"),
        ],
    }
    assert examine(d).definition.multiple is None
    assert vf.build(d)(np.zeros((1, 11, 17, 3), np.float32)).shape == (1, 22, 34, 3)
    pixels = 640 * 360
    assert vf.cost(d).multiply_adds == pixels * 9 * (3 * 4 + 16 * 12) + sum(pixels // 4**level for level in (1, 2, 3)) * 9 * 16


@pytest.mark.parametrize(
    ("over", "axes", "shape"), [("channels", 3, (2, 4, 3, 1)), ("image", (1, 2), (2, 1, 1, 5)), ("rows", 1, (2, 1, 3, 5)), ("columns", 2, (2, 4, 1, 5))]
)
@pytest.mark.parametrize(("statistic", "function"), [("mean", np.mean), ("max", np.max), ("sum", np.sum), ("variance", np.var)])
def test_statistics(statistic, function, over, axes, shape):
    x = np.random.default_rng(0).random((2, 4, 3, 5), np.float32)
    layer = Reduce(statistic, over)
    np.testing.assert_allclose(layer(x), function(x, axis=axes, keepdims=True), atol=1e-5)
    assert layer.compute_output_shape((2, 4, 3, 5)) == shape


def test_an_image_can_be_divided_by_a_statistic_of_it():
    d = {"name": "x", "scale": 1, "links": [(0, [("Reduce", {"statistic": "norm"})], "norm"), ((0, "norm"), "Divide", "unit", {"offset": 1e-6})]}
    x = np.random.default_rng(0).random((1, 5, 4, 3), np.float32)
    np.testing.assert_allclose(vf.build(d)(x), x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-6), atol=1e-6)
    assert vf.canonicalize(d)["links"][1][:4] == ["merge", [0, "norm"], "unit", "Divide"]
    with pytest.raises(vf.ModelDefinitionError, match="Divide needs equal sizes and channels, but node 0 is H x W x 3, node small is H/2 x W/2 x 3"):
        vf.check(d | {"links": [(0, [("AveragePooling2D", {"pool_size": 2})], "small"), ((0, "small"), "Divide", "unit")]})
    with pytest.raises(vf.ModelDefinitionError, match="takes two sources, a dividend and a divisor"):
        vf.check(d | {"links": [*d["links"][:1], ((0, 0, "norm"), "Divide", "unit")]})
