"""How far a model sees: outputs depend on what lies inside the overlap, and on nothing else."""

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.graph.analysis.receptive_field import receptive_field_of, side_multiple

SMALL = {
    "edsr": {"blocks": 1, "filters": 4},
    "edsr_small": {"blocks": 2, "filters": 4},
    "srresnet": {"blocks": 1, "filters": 4},
    "fsrcnn": {"filters": 6, "shrunk": 4},
    "vdsr": {"layers": 4, "filters": 4},
    "rdn": {"blocks": 2, "layers": 2, "growth": 4, "filters": 4},
    "srcnn": {},
    "espcn": {},
}


@pytest.mark.parametrize("name", SMALL)
def test_a_pixel_outside_the_halo_changes_nothing(name):
    d = vf.definition(name, scale=2, **SMALL[name])
    model = vf.build(d)
    reach = receptive_field_of(model)
    assert reach.scale == 2
    side = 2 * reach.overlap + 9
    x = np.random.default_rng(0).random((1, side, side, 1 if d.get("color") == "y" else 3), np.float32)
    middle = side // 2
    changed = x.copy()
    changed[:, : middle - reach.overlap] += 1
    changed[:, :, : middle - reach.overlap] += 1
    changed[:, middle + reach.overlap + 1 :] += 1
    changed[:, :, middle + reach.overlap + 1 :] += 1
    before, after = (keras.ops.convert_to_numpy(model(image))[0, 2 * middle : 2 * middle + 2, 2 * middle : 2 * middle + 2] for image in (x, changed))
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_strides_and_windows_say_where_tiles_may_begin():
    down = {
        "name": "down",
        "scale": 1,
        "conv": [(0, "a"), ("a", "b"), ("c", "sr")],
        "conv_par": [{"filters": 4, "strides": 2}, {"filters": 16, "strides": 2}, {"filters": 3}],
    }
    model = vf.build(down | {"layer": [("b", "up"), ("up", "c")], "layer_sub": "PixelShuffle", "layer_par": {"size": 2}})
    assert (receptive_field_of(model).step, receptive_field_of(model).scale) == (4, 1)
    windows = {"name": "w", "scale": 1, "conv": [(0, "a"), ("b", "sr")], "conv_par": [{"filters": 8}, {"filters": 3}], "layer": [("a", "b")]}
    model = vf.build(windows | {"layer_sub": "WindowAttention", "layer_par": {"heads": 2, "window": 4}})
    assert (receptive_field_of(model).step, receptive_field_of(model).overlap) == (4, 5)


@pytest.mark.parametrize(("scale", "pool", "multiple"), [(2, 4, 2), (2, 2, 1), (3, 4, 4), (1, 4, 4)])
def test_lr_images_of_a_diffusion_model_are_as_large_as_all_strides_want(scale, pool, multiple):
    pooled = {
        "name": "pooled",
        "scale": scale,
        "pre_upsample": "bicubic",
        "inputs": {"lr": "lr", "noisy": "noisy", "step": "step"},
        "shapes": {"step": [1]},
        "outputs": {"noise": "noise"},
        "merge": [("lr", "noisy", "conditioned"), ("small", "level", "prediction")],
        "merge_sub": ["Concatenate", "Add"],
        "layer": [("conditioned", "small"), ("step", "level"), ("prediction", "large")],
        "layer_sub": ["AveragePooling2D", "Dense", "Nearest"],
        "layer_par": [{"pool_size": pool}, {"units": 6}, {"scale": pool}],
        "conv": [("large", "noise")],
        "conv_par": {"filters": 3},
    }
    assert side_multiple(vf.build(pooled), scale) == multiple


@pytest.mark.parametrize("name", ["rcan", "imdn"])
def test_global_pooling_sees_the_whole_image(name):
    assert (
        receptive_field_of(
            vf.build(vf.definition(name, **{"rcan": {"groups": 1, "blocks": 1, "filters": 16}, "imdn": {"blocks": 2, "filters": 16}}[name]))
        ).overlap
        is None
    )


def test_several_inputs_are_reported():
    a, b = (keras.Input((None, None, 3), name=name) for name in "ab")
    with pytest.raises(RequestError, match=r"several inputs \(a, b\)"):
        receptive_field_of(keras.Model([a, b], keras.layers.Add()([a, b])))


def model_of(function):
    x = keras.Input((None, None, 3))
    return keras.Model(x, function(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: keras.ops.max_pool(x, 5, strides=1, padding="same"),
        lambda x: keras.ops.roll(x, 7, axis=1),
        lambda x: keras.ops.softmax(x, axis=1),
        lambda x: keras.ops.flip(x, axis=2),
    ],
)
def test_an_operation_that_is_not_known_sees_the_whole_image(function):
    assert receptive_field_of(model_of(function)).overlap is None
    assert receptive_field_of(model_of(lambda x: keras.ops.softmax(keras.ops.relu(x) * 2 + 1, axis=-1))).overlap == 0


def test_padding_on_one_side_is_seen():
    conv = keras.layers.Conv2D(3, 9, padding="valid")
    assert receptive_field_of(model_of(lambda x: conv(keras.layers.ZeroPadding2D(((8, 0), (8, 0)))(x)))).overlap == 8


def test_strides_between_enlargements():
    up, down, last = keras.layers.UpSampling2D(2), keras.layers.Conv2D(3, 3, strides=3, padding="same"), keras.layers.UpSampling2D(3)
    reach = receptive_field_of(model_of(lambda x: last(down(up(x)))))
    assert (reach.multiple, reach.scale) == (3, 2)


def test_a_model_that_pads_to_a_multiple_takes_any_side_and_aligns_its_tiles():
    d = {"name": "x", "scale": 2, "multiple": 8, "links": [(0, "Conv2D", "f", {"filters": 12}), ("f", "PixelShuffle", "sr")]}
    padded, plain = (receptive_field_of(vf.build(d | {"multiple": multiple})) for multiple in (8, 1))
    assert (padded.multiple, padded.step, padded.scale) == (1, 8, 2)
    assert padded.overlap == plain.overlap
    assert vf.cost(d).receptive_field == 3
