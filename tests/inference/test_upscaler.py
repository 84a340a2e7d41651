"""Whole images through a model."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError, VisionfwError
from visionfw.graph.analysis.receptive_field import receptive_field_of
from visionfw.inference import checked_run, upscaler
from visionfw.inference.upscaler import Upscaler, super_resolve

BICUBIC = {"name": "bicubic", "scale": 3, "layer": [(0, 1)], "layer_sub": "Bicubic", "layer_par": {"scale": 3}}
STRIDED = {
    "name": "skip",
    "scale": 1,
    "conv": [(0, "a"), ("a", "b"), ("sum", "sr")],
    "conv_par": [{"filters": 4}, {"filters": 16, "strides": 2}, {"filters": 3}],
    "layer": [("b", "c")],
    "layer_sub": "PixelShuffle",
    "layer_par": {"size": 2},
    "merge": [("a", "c", "sum")],
}


def test_bicubic_as_a_model_is_bicubic(photograph):
    made = vf.upscale(vf.build(BICUBIC), photograph[:40, :51])
    assert np.abs(made.astype(int) - vf.imresize(photograph[:40, :51], 3)).max() <= 1


def test_a_model_of_luma_has_chroma_beside_it(photograph):
    made = vf.upscale(vf.build(BICUBIC | {"color": "y"}), photograph[:40, :51])
    expected = np.clip(np.round(vf.imresize(photograph[:40, :51].astype(float), 3)), 0, 255)
    assert np.abs(made - expected).max() <= 1


def test_a_gray_image_stays_gray(photograph):
    gray = photograph[:30, :31, 0]
    made = vf.upscale(vf.build(BICUBIC), gray)
    assert made.shape == (90, 93)
    assert np.abs(made.astype(int) - vf.imresize(gray, 3)).max() <= 1


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(RequestError, match="image must be"):
        vf.upscale(vf.build(BICUBIC), image)


def test_a_model_of_several_inputs_is_refused():
    a, b = (keras.Input((None, None, 3), name=name) for name in "ab")
    with pytest.raises(RequestError, match="several inputs"):
        vf.upscale(keras.Model([a, b], keras.layers.Add()([a, b])), np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("edsr_small", {"blocks": 2, "filters": 8}), ("srcnn", {}), ("fsrcnn", {"filters": 6, "shrunk": 4}), ("srresnet", {"blocks": 1, "filters": 8})],
)
@pytest.mark.parametrize("scale", [2, 3])
def test_tiles_make_what_the_whole_image_makes(photograph, name, arguments, scale):
    model = vf.build(vf.definition(name, scale=scale, **arguments))
    image = photograph[:90, :101]
    whole, tiled = (vf.upscale(model, image, tile=tile) for tile in (0, 24))
    assert whole.shape == (90 * scale, 101 * scale, 3)
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # float32 sums in another order
    assert (whole != tiled).mean() < 1e-4


@pytest.mark.parametrize("shape", [(61, 74), (64, 77)])
def test_tiles_lie_on_the_strides_of_the_whole_image(photograph, shape):
    down = {
        "name": "down",
        "scale": 1,
        "conv": [(0, "a"), ("a", "b"), ("c", "sr")],
        "conv_par": [{"filters": 4, "strides": 2}, {"filters": 16}, {"filters": 3}],
    }
    model = vf.build(down | {"layer": [("b", "c")], "layer_sub": "PixelShuffle", "layer_par": {"size": 2}})
    image = photograph[: shape[0] // 2 * 2, : shape[1] // 2 * 2]
    whole, tiled = (vf.upscale(model, image, tile=tile) for tile in (0, 16))
    assert np.abs(whole.astype(int) - tiled).max() <= 1


@pytest.mark.parametrize("edge", ["reflect", "zeros"])
def test_tiles_of_a_model_that_pads_to_a_multiple_make_what_the_whole_image_makes(photograph, edge):
    d = {
        "name": "windows",
        "scale": 2,
        "multiple": 8,
        "edge": edge,
        "defaults": {"conv": {"filters": 8}},
        "links": [
            (0, ["Conv2D", ("WindowAttention", {"heads": 2, "window": 8, "shift": 4}), ("Conv2D", {"filters": 12}), "PixelShuffle"], "sr"),
        ],
    }
    model = vf.build(d)
    image = photograph[:83, :77]
    whole, tiled = (vf.upscale(model, image, tile=tile) for tile in (0, 16))
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    assert (whole != tiled).mean() < 1e-3


@pytest.mark.parametrize(("free", "device"), [(2_000_000, 10**12), (10**12, 2_000_000), (2_000_000, None)], ids=["host", "GPU", "GPU of unknown memory"])
def test_the_tile_follows_from_the_free_memory(photograph, monkeypatch, free, device):
    model = vf.build(vf.definition("edsr_small", scale=2, blocks=1, filters=8))
    shapes = []
    monkeypatch.setattr(upscaler, "free_bytes", lambda: free)
    monkeypatch.setattr(upscaler, "device_bytes", lambda: device)
    monkeypatch.setattr(upscaler, "super_resolve", lambda model, lr: shapes.append(lr.shape) or super_resolve(model, lr))
    vf.upscale(model, photograph[:120, :130])
    assert len(shapes) > 1
    memory = receptive_field_of(model).memory
    assert max(memory.bytes_for(height * width) for height, width, _ in shapes) < 1_500_000


def test_the_self_ensemble_is_the_mean_over_flips_and_rotations(photograph):
    model = vf.build(vf.definition("edsr_small", scale=2, blocks=1, filters=8))
    model.set_weights([np.random.default_rng(0).normal(0, 0.1, weight.shape) for weight in model.get_weights()])
    image = photograph[:20, :26]
    made = []
    for mirrored in (False, True):
        for turns in range(4):
            turned = np.rot90(image[:, ::-1] if mirrored else image, turns)
            back = np.rot90(super_resolve(model, turned / np.float32(255)), -turns)
            made.append(back[:, ::-1] if mirrored else back)
    expected = np.clip(np.round(np.mean(made, axis=0) * 255), 0, 255)
    assert np.abs(vf.upscale(model, image, self_ensemble=True) - expected).max() <= 1


def test_sixteen_bits_stay_sixteen(photograph):
    image = photograph[:20, :21].astype(np.uint16) * 257
    made = vf.upscale(vf.build(BICUBIC), image)
    assert made.dtype == np.uint16
    assert np.abs(made / 257 - np.clip(vf.imresize(image / 257, 3), 0, 255)).max() < 0.01


def test_a_wrong_tile_is_refused():
    with pytest.raises(RequestError, match="tile must be a whole number of at least 0, not -1"):
        vf.upscale(vf.build(BICUBIC), np.zeros((4, 4, 3), np.uint8), tile=-1)


def strided_by_hand():
    """Return a model that takes even sides only, as one that was not built from a dictionary may."""
    x = keras.Input((None, None, 3))
    half = keras.layers.AveragePooling2D(2)(x)
    return keras.Model(x, keras.layers.Add()([x, keras.layers.UpSampling2D(2)(half)]), name="skip")


@pytest.mark.parametrize(("build", "mode"), [(lambda: vf.build(STRIDED), "reflect"), (strided_by_hand, "edge")], ids=["dictionary", "by hand"])
def test_an_image_whose_sides_the_strides_do_not_divide(photograph, build, mode):
    model = build()
    made = vf.upscale(model, photograph[:41, :43])
    assert made.shape == (41, 43, 3)
    expected = vf.upscale(model, np.pad(photograph[:41, :43], ((0, 1), (0, 1), (0, 0)), mode=mode))[:41, :43]
    np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(vf.upscale(model, photograph[:41, :43], tile=16), expected)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_of_several_sizes_through_keras_resizing(photograph, interpolation):
    layer = {"layer": [(0, 1)], "layer_sub": "UpSampling2D", "layer_par": {"size": 2, "interpolation": interpolation}}
    model = vf.build({"name": "up", "scale": 2, **layer})
    for height, width in ((9, 9), (9, 11), (12, 8)):
        assert vf.upscale(model, photograph[:height, :width]).shape == (2 * height, 2 * width, 3)


def test_an_output_that_is_not_finite_is_an_error():
    model = vf.build({"name": "lost", "scale": 1, "conv": [(0, 1)], "conv_par": {"filters": 3}})
    model.set_weights([np.full(weight.shape, np.nan) for weight in model.get_weights()])
    with pytest.raises(VisionfwError, match="lost: its output is not finite"):
        vf.upscale(model, np.zeros((8, 8, 3), np.uint8))


def test_whole_numbers_of_any_kind_are_tiles(photograph):
    model = vf.build(BICUBIC)
    np.testing.assert_array_equal(vf.upscale(model, photograph[:20, :20], tile=np.int64(8)), vf.upscale(model, photograph[:20, :20]))
    with pytest.raises(RequestError, match="tile must be"):
        vf.upscale(model, photograph[:20, :20], tile=True)


def run_out_of_memory(model):
    """Stand in for a forward pass whose backend finds no memory, as TensorFlow says it."""

    def fail(batch):
        raise type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor with shape[1,9999,9999,64]")

    return fail


@pytest.mark.parametrize("color", ["rgb", "y"])
def test_too_little_memory_is_one_line_with_a_remedy(monkeypatch, photograph, color):
    monkeypatch.setattr(checked_run, "forward_pass", run_out_of_memory)
    with pytest.raises(VisionfwError, match=r"^bicubic: not enough memory to upscale 50 x 40 pixels at once; use smaller tiles, --tile=25$"):
        vf.upscale(vf.build(BICUBIC | {"color": color}), photograph[:40, :50])


def test_a_model_that_does_not_take_an_image_of_a_size_is_one_line():
    with pytest.raises(VisionfwError, match=r"^skip: cannot upscale an image of 4 x 5 pixels: .+"):
        super_resolve(strided_by_hand(), np.zeros((5, 4, 3)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_reach_the_model_as_the_nearest_float32(dtype):
    """Dividing in float32 rounds no pixel otherwise than dividing in float64 and rounding then."""
    largest = np.iinfo(dtype).max
    pixels = np.arange(largest + 1).astype(dtype)
    np.testing.assert_array_equal(pixels / np.float32(largest), (pixels.astype(np.float64) / largest).astype(np.float32))


def test_both_kinds_of_upscaler_fit_one_protocol():
    from visionfw.diffusion.sampler import DiffusionSampler

    for kind in (Upscaler, DiffusionSampler):
        assert all(hasattr(kind, name) or name in kind.__dataclass_fields__ for name in ("scale", "__call__", "upscale_image"))
