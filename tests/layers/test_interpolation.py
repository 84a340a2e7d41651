"""Interpolation agrees with PyTorch's, enlarging and reducing, at odd sizes; and resized branches leave a model exact at any size."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.graph.analysis.receptive_field import receptive_field_of
from visionfw.graph.checking.check import examine
from visionfw.layers.interpolation import Interpolate, ResizeLike


def by_torch(x, size, **options):
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install -e '.[interop]'")
    return torch.nn.functional.interpolate(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), size, **options).numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("interpolation", "align_corners"), [("nearest", False), ("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True)]
)
@pytest.mark.parametrize("size", [(14, 18), (5, 3), (1, 1), (7, 9), (31, 4)])
def test_it_is_pytorchs(interpolation, align_corners, size):
    x = np.random.default_rng(0).random((2, 7, 9, 3), np.float32)
    made = ResizeLike(interpolation, align_corners)([x, np.zeros((2, *size, 1), np.float32)])
    options = {} if interpolation == "nearest" else {"align_corners": align_corners}
    np.testing.assert_allclose(made, by_torch(x, size, mode=interpolation, **options), atol=2e-6)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_enlarging_is_resizing_to_a_multiple(interpolation):
    x = np.random.default_rng(0).random((1, 5, 6, 2), np.float32)
    np.testing.assert_array_equal(Interpolate(3, interpolation)(x), ResizeLike(interpolation)([x, np.zeros((1, 15, 18, 1), np.float32)]))


BRANCH = {
    "name": "branch",
    "scale": 1,
    "defaults": {"conv": {"filters": 4}},
    "links": [
        (0, "Conv2D", "features"),
        ("features", ["Conv2D", ("Conv2D", {"strides": 2, "padding": "valid"}), ("MaxPooling2D", {"pool_size": 3})], "small"),
        (("small", "features"), "ResizeLike", "large"),
        (("features", "large"), "Multiply", "weighed"),
        ("weighed", "Conv2D", "sr", {"filters": 3}),
    ],
}


def test_a_branch_that_is_resized_leaves_a_model_exact_at_any_size():
    assert examine(BRANCH).definition.multiple is None
    model = vf.build(BRANCH)
    for size in ((17, 23), (12, 30)):
        x = np.random.default_rng(0).random((1, *size, 3), np.float32)
        assert model(x).shape == (1, *size, 3)
        np.testing.assert_allclose(model.predict(x, verbose=0), model(x), atol=1e-6)


def test_what_is_resized_depends_on_the_whole_image_and_lies_at_the_place_of_what_it_is_resized_to():
    """Where the sizes are in no fixed ratio, a tile's pixels lie elsewhere than the image's."""
    field = receptive_field_of(vf.build(BRANCH))
    assert (field.overlap, field.multiple, field.step, field.scale) == (None, 1, 6, 1)
    assert vf.cost(BRANCH).receptive_field == float("inf")


def test_the_size_alone_of_the_second_source_is_read():
    image, like = keras.Input((None, None, 2)), keras.Input((None, None, 3))
    model = keras.Model([image, like], ResizeLike()([image, like]))
    x, shape = np.random.default_rng(0).random((1, 4, 4, 2), np.float32), (1, 6, 7, 3)
    np.testing.assert_array_equal(model([x, np.zeros(shape, np.float32)]), model([x, np.full(shape, np.nan, np.float32)]))


def test_pixels_that_are_unshuffled_have_a_model_pad_its_input():
    d = {"name": "x", "scale": 1, "links": [(0, ["PixelUnshuffle", ("Conv2D", {"filters": 12}), "PixelShuffle"], "sr")]}
    assert examine(d).definition.multiple == 2
    assert vf.build(d)(np.zeros((1, 5, 7, 3), np.float32)).shape == (1, 5, 7, 3)
