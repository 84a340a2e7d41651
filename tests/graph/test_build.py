"""A dictionary becomes a Keras model: the same function as hand-written Keras, under stable names."""

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812 - as Keras' users write it

import visionfw as vf
from visionfw.graph.checking.check import examine
from visionfw.layers import LAYERS, LayerEntry
from visionfw.layers.resampling import PixelShuffle


def srresnet_by_hand(blocks=16, filters=64):
    """SRResNet x4 as one would write it in Keras."""
    x = lr = keras.Input((None, None, 3))
    x = skip = L.PReLU(shared_axes=[1, 2])(L.Conv2D(filters, 9, padding="same")(x))
    for _ in range(blocks):
        y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(x))
        y = L.PReLU(shared_axes=[1, 2])(y)
        y = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(y))
        x = L.Add()([x, y])
    x = L.BatchNormalization()(L.Conv2D(filters, 3, padding="same")(x))
    x = L.Add()([skip, x])
    for _ in range(2):
        x = PixelShuffle(2)(L.Conv2D(4 * filters, 3, padding="same")(x))
        x = L.PReLU(shared_axes=[1, 2])(x)
    return keras.Model(lr, L.Conv2D(3, 9, padding="same")(x))


def test_srresnet_is_the_same_function_as_by_hand(photograph):
    hand, built = srresnet_by_hand(blocks=3), vf.build(vf.definition("srresnet", blocks=3))
    random = np.random.default_rng(0)
    weights = [random.normal(0, 0.05, weight.shape) if "variance" not in weight.path else random.uniform(0.5, 2, weight.shape) for weight in hand.weights]
    hand.set_weights(weights)
    assert [weight.shape for weight in built.weights] == [weight.shape for weight in hand.weights]
    built.set_weights(weights)
    lr = photograph[None, :40, :33].astype("float32") / 255
    np.testing.assert_allclose(built(lr, training=False), hand(lr, training=False), atol=2e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["srresnet", "vdsr", "edsr", "edsr_small", "srcnn"])
def test_outputs_are_float32_under_any_policy(name, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        small = {"srresnet": {"blocks": 1}, "vdsr": {"layers": 3}, "edsr": {"blocks": 1}}.get(name, {})
        model = vf.build(vf.definition(name, **small))
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"
    assert all(weight.dtype == "float32" for weight in model.weights)


def test_weights_keep_their_names_when_the_dictionary_is_reordered():
    d = vf.definition("fsrcnn")
    order = list(range(len(d["conv"])))[::-1]
    turned = {key: value for key, value in reversed(d.items())}
    turned |= {key: [d[key][index] for index in order] for key in ("conv", "conv_sub", "conv_par")}
    assert [weight.path for weight in vf.build(turned).weights] == [weight.path for weight in vf.build(d).weights]


def test_weights_keep_their_names_when_rows_are_reordered():
    d = vf.definition("edsr", blocks=2)
    turned = d | {"links": d["links"][::-1]}
    assert [weight.path for weight in vf.build(turned).weights] == [weight.path for weight in vf.build(d).weights]


def test_shared_links_have_one_set_of_weights_and_recurse():
    d = {"name": "recursive", "conv": [(0, 1), (1, 2), (2, 3)], "conv_par": [{"filters": 8}, {"filters": 8, "repeat": 5, "share": "u"}, {"filters": 3}]}
    model = vf.build(d)
    assert [layer.name for layer in model.layers] == ["lr", "conv_1", "conv_u", "conv_3"]
    x = np.random.default_rng(0).random((1, 6, 7, 3), np.float32)
    step = model.get_layer("conv_1")(x)
    for _ in range(5):
        step = model.get_layer("conv_u")(step)
    np.testing.assert_allclose(model(x), model.get_layer("conv_3")(step), atol=1e-5)


def test_pre_upsample_maps_lr_to_sr():
    model = vf.build({"name": "x", "pre_upsample": "bicubic", "conv": [(0, 1)], "conv_par": {"filters": 3}}, scale=3)
    assert model(np.zeros((1, 5, 7, 3), np.float32)).shape == (1, 15, 21, 3)


def test_a_dictionary_that_keeps_the_size_is_given_the_enlarged_image():
    model = vf.build({"name": "x", "conv": [(0, 1)], "conv_par": {"filters": 3}}, scale=3)
    assert model(np.zeros((1, 5, 7, 3), np.float32)).shape == (1, 15, 21, 3)


def test_the_runs_scale_must_agree_with_the_dictionarys():
    with pytest.raises(vf.ModelDefinitionError, match="the dictionary says scale 4, the run 2"):
        vf.build(vf.definition("edsr"), scale=2)


def test_a_registered_block_may_be_a_function_that_returns_links():
    from visionfw.graph.language.blocks import BLOCKS
    from visionfw.registry import Entry

    def widening(filters=8):
        return {"conv": [(0, 1)], "conv_par": {"filters": filters}}

    d = {"name": "x", "block": [(0, 1), (1, 2)], "block_sub": "widening", "block_par": [None, {"filters": 3}]}
    with BLOCKS.temporary(Entry(name="widening", target=widening)):
        model = vf.build(d)
    assert [tuple(layer.output.shape[1:]) for layer in model.layers[1:]] == [(None, None, 8), (None, None, 3)]
    assert [layer.name for layer in model.layers[1:]] == ["block_1-conv_1", "block_2-conv_1"]


def test_a_registered_layer_can_be_named_and_its_mistakes_are_reported():

    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    d = {"name": "x", "layer": [(0, 1)], "layer_sub": "Twice"}
    with LAYERS.temporary(LayerEntry(name="Twice", target=Twice)):
        x = np.random.default_rng(0).random((1, 4, 4, 3), np.float32)
        np.testing.assert_allclose(vf.build(d)(x), 2 * x)
        with pytest.raises(vf.ModelDefinitionError, match="no parameter 'factor'"):
            vf.check(d | {"layer_par": {"factor": 3}})


def inner_block(tensors, filters=4):
    return L.ReLU()(L.Conv2D(filters, 3, padding="same")(tensors[0]))


def test_a_function_that_the_caller_passes_can_be_a_block():
    d = {"name": "x", "block": [(0, 1), (1, 2)], "block_sub": "inner_block", "block_par": [None, {"filters": 3}]}
    model = vf.build(d, functions={"inner_block": inner_block})
    assert [layer.name for layer in model.layers[1:]] == ["block_1-conv2d", "block_1-re_lu", "block_2-conv2d", "block_2-re_lu"]


def test_a_shared_function_block_has_one_set_of_weights():
    d = {"name": "x", "conv": [(0, 1), (3, 4)], "conv_par": [{"filters": 4}, {"filters": 3}]}
    d |= {"block": [(1, 2), (2, 3)], "block_sub": "inner_block", "block_par": {"share": "u"}, "blocks": {"inner_block": inner_block}}
    assert vf.build(d).count_params() == 112 + 148 + 111


def test_a_function_block_inside_a_shared_block_is_shared():
    d = {"name": "x", "conv": [(0, 1), (3, 4)], "conv_par": [{"filters": 4}, {"filters": 3}]}
    d |= {"block": [(1, 2), (2, 3)], "block_sub": "b", "block_par": {"share": "u"}, "blocks": {"b": {"block": [(0, 1)], "block_sub": "inner_block"}}}
    functions = {"inner_block": inner_block}
    assert vf.build(d, functions=functions).count_params() == 112 + 148 + 111 == vf.cost(d, functions=functions).params


def test_a_shared_layer_without_weights_can_be_the_output_in_bfloat16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = vf.build({"name": "x", "activation": [(0, 1)], "activation_par": {"share": "m", "repeat": 2}})
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"


def test_folding_keeps_the_enlargement_of_the_run():
    d = {"name": "x", "conv": [(0, 1)], "conv_par": {"filters": 3}, "norm": [(1, 2)]}
    _, folded = vf.fold(d, vf.build(d, scale=2))
    assert folded(np.zeros((1, 8, 8, 3), np.float32)).shape == (1, 16, 16, 3)


def test_an_error_inside_keras_carries_the_links_address():
    d = {"name": "Net", "conv": [(0, 1)], "conv_par": {"filters": -3}}
    with pytest.raises(vf.ModelDefinitionError, match=r"Net: conv\[0\] \(0 -> 1\): Conv2D\(filters=-3"):
        vf.build(d)


def test_building_calls_as_many_layers_as_by_hand(monkeypatch):
    """Building is as fast as hand-written Keras: benchmarks/build_model.py prints the ratio of times."""
    call, names = keras.layers.Layer.__call__, []

    def counting(self, *arguments, **options):
        names.append(self.name)
        return call(self, *arguments, **options)

    monkeypatch.setattr(keras.layers.Layer, "__call__", counting)
    srresnet_by_hand()
    by_hand = len(names)
    names.clear()
    vf.build(vf.definition("srresnet"))
    assert len(names) == by_hand


#: A network that is exact at multiples of 4 only, as it halves the size twice.
STRIDED = {
    "name": "strided",
    "scale": 2,
    "links": [
        (0, "Conv2D", "half", {"filters": 8, "strides": 2}),
        ("half", "Conv2D", "quarter", {"filters": 8, "strides": 2}),
        ("quarter", "Conv2D", "wide", {"filters": 192}),
        ("wide", "PixelShuffle", "sr", {"size": 8}),
    ],
}


def test_multiple_pads_the_input_and_crops_the_output():
    d = STRIDED | {"multiple": 8, "edge": "replicate"}
    model = vf.build(d)
    x = np.random.default_rng(0).random((2, 9, 18, 3), np.float32)
    whole = np.pad(x, ((0, 0), (0, 7), (0, 6), (0, 0)), mode="edge")
    expected = np.asarray(model(whole))[:, :18, :36]
    np.testing.assert_allclose(model(x), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)  # in a graph whose sizes are not known when it is traced
    np.testing.assert_allclose(
        model.predict(x[:, :1, :1], verbose=0), model(np.pad(x[:, :1, :1], ((0, 0), (0, 7), (0, 7), (0, 0)), "edge"))[:, :2, :2], atol=1e-6
    )


def test_multiple_changes_nothing_where_sides_are_multiples():
    plain, padded = vf.build(STRIDED | {"multiple": 4}), vf.build(STRIDED | {"multiple": 8})
    padded.set_weights(plain.get_weights())
    x = np.random.default_rng(0).random((1, 16, 8, 3), np.float32)
    np.testing.assert_array_equal(padded(x), plain(x))


def test_multiple_of_one_adds_no_layer():
    names = [layer.name for layer in vf.build(vf.definition("edsr", blocks=1, filters=4)).layers]
    assert names == [layer.name for layer in vf.build(vf.definition("edsr", blocks=1, filters=4) | {"multiple": 1}).layers]


@pytest.mark.parametrize("size", [(15, 17), (1, 2), (16, 16)])
def test_strides_that_do_not_divide_the_image_give_the_right_size_all_the_same(size):
    assert vf.build(STRIDED)(np.zeros((1, *size, 3), np.float32)).shape == (1, 2 * size[0], 2 * size[1], 3)
    assert examine(STRIDED).definition.multiple == 4


def test_a_network_that_takes_any_size_by_itself_is_left_alone():
    """An image of half the size, of which only the mean color is used."""
    pooled = (0, ["Conv2D", ("AveragePooling2D", {"pool_size": 2, "padding": "same"}), ("GlobalAveragePooling2D", {"keepdims": True})], "mean")
    d = {"name": "pooled", "links": [pooled, (0, "Conv2D", "features"), (("features", "mean"), "Multiply", "weighed"), ("weighed", "MeanShift", "sr")]}
    d |= {"defaults": {"conv": {"filters": 3}}}
    assert examine(d, 1).definition.multiple is None


def test_an_upscaled_input_is_padded_behind_its_upscaling():
    d = {"name": "x", "pre_upsample": "bicubic", "multiple": 8, "links": [(0, "Conv2D", "sr", {"filters": 3})]}
    model = vf.build(d, scale=3)
    assert [layer.name for layer in model.layers] == ["lr", "pre_upsample", "pad_to_multiple", "conv_sr", "crop_padding"]
    assert model(np.zeros((1, 3, 5, 3), np.float32)).shape == (1, 9, 15, 3)


def test_images_of_one_size_are_padded_together_and_every_image_output_is_cropped():
    d = {
        "name": "two",
        "inputs": {"lr": 0, "mask": "mask", "level": "level"},
        "shapes": {"mask": [None, None, 1], "level": [1]},
        "multiple": 8,
        "outputs": {"half": "half", "sr": "sr", "mean": "mean"},
        "links": [
            ((0, "mask"), "Concatenate", "both"),
            ("both", "Conv2D", "half", {"filters": 3, "strides": 2}),
            ("both", "Conv2D", "features", {"filters": 12}),
            ("features", "PixelShuffle", "sr"),
            ("level", "Dense", "mean", {"units": 1}),
        ],
    }
    given = {"lr": np.zeros((1, 5, 7, 3), np.float32), "mask": np.zeros((1, 5, 7, 1), np.float32), "level": np.zeros((1, 1), np.float32)}
    assert {name: tuple(output.shape) for name, output in vf.build(d)(given).items()} == {"half": (1, 3, 4, 3), "sr": (1, 10, 14, 3), "mean": (1, 1)}


def test_outputs_stay_float32_and_the_image_keeps_its_bits_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = vf.build({"name": "x", "multiple": 4, "links": [(0, "MeanShift", "sr", {"mean": [0.0, 0.0, 0.0], "dtype": "float32"})]})
    finally:
        keras.config.set_dtype_policy(before)
    x = np.random.default_rng(0).random((1, 5, 5, 3), np.float32)
    np.testing.assert_array_equal(model(x), x)


def test_a_multiple_that_is_no_divisor_of_the_usual_sizes_is_exact_too():
    model = vf.build({"name": "x", "scale": 2, "multiple": 11, "links": [(0, "Conv2D", "f", {"filters": 12}), ("f", "PixelShuffle", "sr")]})
    assert model(np.zeros((1, 12, 10, 3), np.float32)).shape == (1, 24, 20, 3)


def test_padding_survives_folding_and_saving(tmp_path):
    d = STRIDED | {"links": [(0, "Conv2D", "first"), ("first", "BatchNormalization", "shifted"), ("shifted", *STRIDED["links"][0][1:]), *STRIDED["links"][1:]]}
    model = vf.build(d)
    x = np.random.default_rng(0).random((1, 5, 7, 3), np.float32)
    folded_dictionary, folded = vf.fold(d, model)
    assert folded_dictionary["multiple"] == 4
    np.testing.assert_allclose(folded(x), model(x, training=False), atol=1e-5)
    model.save(tmp_path / "x.keras")
    np.testing.assert_allclose(vf.load(tmp_path / "x.keras")(x), model(x, training=False), atol=1e-6)
