"""Foreign weights in a model: every layout lands where a formula says, by order and by names, all or nothing."""

import importlib.util
import re

import h5py
import keras
import numpy as np
import pytest
import scipy.io
from torch_files import as_tensors, write_zip

import visionfw as vf
from visionfw.errors import RequestError, VisionfwError

RANDOM = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order():
    """Start each test from the same random numbers, whichever tests ran before it in this process."""
    global RANDOM
    RANDOM = np.random.default_rng(5)


def normal(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def weights(model):
    return {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.weights}


@pytest.fixture
def model():
    """A convolution without bias, normalization, PReLU, a depthwise and a transposed convolution."""
    return vf.build(
        {
            "name": "many",
            "scale": 2,
            "conv": [(0, "a"), ("d", "sr")],
            "conv_sub": ["Conv2D", "Conv2DTranspose"],
            "conv_par": [{"filters": 4, "use_bias": False}, {"filters": 3, "kernel_size": 4, "strides": 2}],
            "norm": [("a", "b")],
            "activation": [("b", "c")],
            "activation_sub": "PReLU",
            "activation_par": {"shared_axes": [1, 2]},
            "layer": [("c", "d")],
            "layer_sub": "DepthwiseConv2D",
            "layer_par": {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"},
        }
    )


def torch_arrays(slopes=4):
    return {
        "head.weight": normal(4, 3, 3, 3),
        "norm.weight": normal(4),
        "norm.bias": normal(4),
        "norm.running_mean": normal(4),
        "norm.running_var": abs(normal(4)),
        "norm.num_batches_tracked": np.array(3),
        "act.weight": normal(slopes),
        "deep.weight": normal(8, 1, 3, 3),
        "deep.bias": normal(8),
        "up.weight": normal(8, 3, 4, 4),
        "up.bias": normal(3),
    }


@pytest.mark.parametrize("slopes", [1, 4])
def test_pytorchs_layouts(tmp_path, model, slopes):
    given = torch_arrays(slopes)
    write_zip(tmp_path / "x.pth", as_tensors(given))
    assert vf.load_weights(model, tmp_path / "x.pth") == []
    found = weights(model)
    np.testing.assert_array_equal(found["conv_a/kernel"][1, 2, 0, 3], given["head.weight"][3, 0, 1, 2])
    np.testing.assert_array_equal(found["conv_a/kernel"].shape, (3, 3, 3, 4))
    ours, theirs = model.get_layer("norm_b").epsilon, 1e-5
    gamma = given["norm.weight"] * np.sqrt((given["norm.running_var"] + ours) / (given["norm.running_var"] + theirs))
    np.testing.assert_allclose(found["norm_b/gamma"], gamma, rtol=1e-5)
    np.testing.assert_array_equal(found["norm_b/moving_variance"], given["norm.running_var"])
    np.testing.assert_array_equal(found["activation_c/alpha"].ravel(), np.broadcast_to(given["act.weight"], 4))
    for channel in range(4):
        for copy in range(2):
            np.testing.assert_array_equal(found["layer_d/kernel"][:, :, channel, copy], given["deep.weight"][2 * channel + copy, 0])
    np.testing.assert_array_equal(found["conv_sr/kernel"][3, 1, 2, 5], given["up.weight"][5, 2, 3, 1])


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_a_network_of_pytorchs_computes_the_same(tmp_path, model):
    import torch

    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.PReLU(4),
        torch.nn.Conv2d(4, 8, 3, padding=1, groups=4),
        torch.nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1),
    ).eval()
    for parameter in (*theirs.parameters(), *theirs.buffers()):
        parameter.data = torch.rand_like(parameter, dtype=torch.float32)
    torch.save(theirs.state_dict(), tmp_path / "x.pth")
    vf.load_weights(model, tmp_path / "x.pth")
    x = RANDOM.random((1, 7, 9, 3)).astype(np.float32)
    expected = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2))).detach().numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, rtol=1e-4, atol=1e-4)


def two_convolutions(**last):
    return vf.build({"name": "two", "scale": 1, "conv": [(0, 1), (1, 2)], "conv_par": [{"filters": 5}, {"filters": 3, "kernel_size": 5, **last}]})


def test_matconvnets_cells_and_dropped_axes(tmp_path):
    model = vf.build({"name": "y", "color": "y", "scale": 1, "conv": [(0, 1), (1, 2)], "conv_par": [{"filters": 5}, {"filters": 1}]})
    first, last = normal(3, 3, 1, 5), normal(3, 3, 5)  # MATLAB drops the last axis of length 1
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = first, last
    biases = np.empty((1, 2), object)
    biases[0, 0], biases[0, 1] = normal(5, 1), normal(1, 1)
    scipy.io.savemat(tmp_path / "x.mat", {"model": {"weight": cells, "bias": biases}})
    vf.load_weights(model, tmp_path / "x.mat")
    np.testing.assert_array_equal(weights(model)["conv_1/kernel"], first)
    np.testing.assert_array_equal(weights(model)["conv_2/kernel"], last[..., None])
    np.testing.assert_array_equal(weights(model)["conv_1/bias"], biases[0, 0].ravel())


def test_matconvnets_parameters_with_moments(tmp_path):
    model = vf.build({"name": "n", "scale": 1, "conv": [(0, 1)], "conv_par": {"filters": 3}, "norm": [(1, 2)]})
    given = {"c_f": normal(3, 3, 3, 3), "c_b": normal(3, 1), "n_mult": normal(3, 1), "n_bias": normal(3, 1), "n_moments": abs(normal(3, 2)) + 1}
    parameters = np.array([(name, values) for name, values in given.items()], [("name", object), ("value", object)])
    scipy.io.savemat(tmp_path / "x.mat", {"net": {"params": parameters}})
    vf.load_weights(model, tmp_path / "x.mat")
    found = weights(model)
    np.testing.assert_array_equal(found["conv_1/kernel"], given["c_f"])
    np.testing.assert_allclose(found["norm_2/moving_mean"], given["n_moments"][:, 0])
    epsilon = model.get_layer("norm_2").epsilon  # MatConvNet divides by the deviation it stores
    np.testing.assert_allclose(np.sqrt(found["norm_2/moving_variance"] + epsilon), given["n_moments"][:, 1], rtol=1e-5)


def test_srcnns_unrolled_kernels(tmp_path):
    model = vf.build(vf.definition("srcnn", kernels=(3, 3, 5), filters=(4, 2)))
    given = {"weights_conv1": normal(9, 4), "weights_conv2": normal(4, 9, 2), "weights_conv3": normal(2, 25)}
    scipy.io.savemat(tmp_path / "x.mat", given | {f"biases_conv{n}": normal(count, 1) for n, count in ((1, 4), (2, 2), (3, 1))})
    vf.load_weights(model, tmp_path / "x.mat")
    found = weights(model)
    np.testing.assert_array_equal(found["conv_patches/kernel"][2, 1, 0, 3], given["weights_conv1"][2 + 3 * 1, 3])
    np.testing.assert_array_equal(found["conv_mapped/kernel"][0, 2, 3, 1], given["weights_conv2"][3, 0 + 3 * 2, 1])
    np.testing.assert_array_equal(found["conv_made/kernel"][4, 3, 1, 0], given["weights_conv3"][1, 4 + 5 * 3])


def test_numpy_and_hdf5_files_lie_as_kerass_or_pytorchs(tmp_path):
    model = two_convolutions()
    arrays = [normal(3, 3, 3, 5), normal(5), normal(5, 5, 5, 3), normal(3)]
    np.savez(tmp_path / "plain.npz", *arrays)
    turned = {
        key: values.transpose(3, 2, 0, 1) if values.ndim == 4 else values
        for key, values in zip(("a.weight", "a.bias", "b.weight", "b.bias"), arrays, strict=True)
    }
    np.savez(tmp_path / "turned.npz", **turned)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, values in zip(("conv2d/kernel:0", "conv2d/bias:0", "conv2d_10/kernel:0", "conv2d_10/bias:0"), arrays, strict=True):
            file[name] = values
    for name in ("plain.npz", "turned.npz", "x.h5"):
        model.set_weights([np.zeros_like(values) for values in arrays])
        vf.load_weights(model, tmp_path / name)
        for ours, theirs in zip(model.get_weights(), arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_keras_model_of_other_layer_names_is_read_by_its_order(tmp_path):
    theirs = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(5, 3), keras.layers.Conv2D(3, 5)])
    theirs.save_weights(tmp_path / "x.weights.h5")
    model = two_convolutions()
    vf.load_weights(model, tmp_path / "x.weights.h5", {"conv_1": "layers/conv2d", "conv_2": "layers/conv2d_1"})
    for ours, given in zip(model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, given)


def test_names_say_which_is_which(tmp_path):
    model = vf.build(vf.definition("edsr", blocks=3, filters=4, scale=2))
    given = {}
    for number in range(3):
        for theirs in ("conv2", "conv1"):
            given |= {f"module.body.{number}.{theirs}.weight": normal(4, 4, 3, 3), f"module.body.{number}.{theirs}.bias": normal(4)}
    for name, shape in (("head", (4, 3, 3, 3)), ("last", (4, 4, 3, 3)), ("up.0", (16, 4, 3, 3)), ("tail", (3, 4, 3, 3)), ("sub_mean", (3, 3, 1, 1))):
        given |= {f"{name}.weight": normal(*shape), f"{name}.bias": normal(shape[0])}
    given["sub_mean.bias"] = np.zeros(3, np.float32)  # a mean of 0, which says nothing about the range of pixels
    write_zip(tmp_path / "x.pth", as_tensors(given))
    names = {"block_residuals-*-conv_1": "body.*.conv2", "block_residuals-*-conv_3": "module.body.*.conv1", "conv_head": "head"}
    names |= {"conv_body": "last", "block_up-conv_wide_0": "up.0", "conv_tail": "tail"}
    assert vf.load_weights(model, tmp_path / "x.pth", names) == ["not used of the file: sub_mean"]
    np.testing.assert_array_equal(model.get_layer("block_residuals-2-conv_1").bias, given["module.body.2.conv2.bias"])
    wrong = {"conv_haed": "head"} | {key: value for key, value in names.items() if key not in ("conv_head", "conv_tail")} | {"conv_tail": "tial"}
    before = model.get_weights()
    with pytest.raises(RequestError) as error:
        vf.load_weights(model, tmp_path / "x.pth", wrong)
    said = str(error.value)
    assert "names: no layer with weights 'conv_haed'; did you mean 'conv_head'?" in said
    assert "names: nothing for 1 layer: conv_head" in said
    assert "did you mean 'tail'?" in said
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_shapes_that_occur_once_need_no_order(tmp_path):
    model = two_convolutions()
    given = {"b.weight": normal(3, 5, 5, 5), "b.bias": normal(3), "a.weight": normal(5, 3, 3, 3), "a.bias": normal(5)}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    assert vf.load_weights(model, tmp_path / "x.pth") == []
    np.testing.assert_array_equal(model.get_weights()[1], given["a.bias"])


def test_every_weight_that_does_not_fit_is_listed_and_nothing_is_changed(tmp_path):
    model = two_convolutions()
    before = model.get_weights()
    given = {"a.weight": normal(5, 3, 5, 5), "a.bias": normal(5), "b.weight": normal(3, 5, 5, 5), "spare.weight": normal(9)}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    with pytest.raises(RequestError) as error:
        vf.load_weights(model, tmp_path / "x.pth")
    said = str(error.value)
    assert "1 of the model's layers have weights of shape (3, 3, 3, 5) and (5,) (conv_1), 0 of the file's" in said
    assert "(conv_2), 0 of the file's" in said
    assert "without a place in the model: a (5, 3, 5, 5) and (5,), b (3, 5, 5, 5), spare (9,)" in said
    with pytest.raises(RequestError, match=r"conv_1 from a: its kernel has shape \(3, 3, 3, 5\), the file's \(OIHW\) \(5, 3, 5, 5\)"):
        vf.load_weights(model, tmp_path / "x.pth", {"conv_1": "a", "conv_2": "b"})
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_safetensors(tmp_path):
    import json
    import struct

    model = vf.build({"name": "one", "scale": 1, "conv": [(0, 1)], "conv_par": {"filters": 3}})
    kernel, bias = normal(3, 3, 3, 3), normal(3)
    header = {
        "c.weight": {"dtype": "F32", "shape": [3, 3, 3, 3], "data_offsets": [0, 324]},
        "c.bias": {"dtype": "F32", "shape": [3], "data_offsets": [324, 336]},
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + kernel.tobytes() + bias.tobytes())
    vf.load_weights(model, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(model.get_weights()[0], kernel.transpose(2, 3, 1, 0))


def test_what_is_no_weight_file_is_reported(tmp_path):
    model = two_convolutions()
    for name in ("x.mat", "x.npz", "x.h5", "x.safetensors"):
        (tmp_path / name).write_text("nothing at all")
        with pytest.raises(VisionfwError, match="cannot be read"):
            vf.load_weights(model, tmp_path / name)
    np.savez(tmp_path / "objects.npz", np.array([{"a": 1}], object))
    with pytest.raises(VisionfwError, match="Object arrays cannot be loaded"):
        vf.load_weights(model, tmp_path / "objects.npz")
    (tmp_path / "x.onnx").touch()
    with pytest.raises(RequestError, match=r"a weight file ends in .*\.pth.* not in '\.onnx'"):
        vf.load_weights(model, tmp_path / "x.onnx")


def test_layers_side_by_side_are_not_told_apart_by_a_guess(tmp_path):
    d = {
        "name": "two",
        "scale": 1,
        "conv": [(0, "a"), ("a", "left"), ("a", "right"), ("right", "further"), ("sum", "sr")],
        "merge": [("left", "further", "sum")],
    }
    model = vf.build(d | {"conv_par": [{"filters": 4}, {"filters": 4}, {"filters": 4}, {"filters": 4}, {"filters": 3}]})
    given = {}
    for name, shape in (("a", (4, 3, 3, 3)), ("left", (4, 4, 3, 3)), ("right", (4, 4, 3, 3)), ("further", (4, 4, 3, 3)), ("sr", (3, 4, 3, 3))):
        given |= {f"{name}.weight": normal(*shape), f"{name}.bias": normal(shape[0])}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    before = model.get_weights()
    with pytest.raises(RequestError, match=r"which (of the file's )?weights belong to .*; --weight_names=show prints"):
        vf.load_weights(model, tmp_path / "x.pth")
    np.testing.assert_array_equal(model.get_weights()[2], before[2])
    (remark,) = vf.load_weights(model, tmp_path / "x.pth", "auto")
    assert re.search("conv_(left|right|further) and conv_(left|right|further) are side by side, so which is which is a guess", remark)
    assert vf.load_weights(model, tmp_path / "x.pth", {f"conv_{name}": name for name in ("a", "left", "right", "further", "sr")}) == []
    np.testing.assert_array_equal(model.get_layer("conv_left").bias, given["left.bias"])


def test_where_names_alone_tell_layers_apart_their_order_is_proposed_and_not_taken(tmp_path):
    links = [(number, number + 1) for number in range(12)]
    model = vf.build({"name": "deep", "scale": 1, "conv": links, "conv_par": {"filters": 3, "kernel_size": 1}})
    given = {f"c{number}_{part}": normal(*shape) for number in range(12) for part, shape in (("w", (1, 1, 3, 3)), ("b", (3, 1)))}
    scipy.io.savemat(tmp_path / "x.mat", dict(sorted(given.items())))
    with pytest.raises(RequestError, match=r"12 of 12 layers is not certain .*only the names tell them apart"):
        vf.load_weights(model, tmp_path / "x.mat")
    (remark,) = vf.load_weights(model, tmp_path / "x.mat", "auto")
    assert remark == "12 layers assigned: 12 by names alone"
    for number in range(12):
        np.testing.assert_array_equal(model.get_layer(f"conv_{number + 1}").bias, given[f"c{number}_b"].ravel())


def test_an_order_that_the_names_contradict_is_proposed_and_not_taken(tmp_path):
    model = vf.build({"name": "deep", "scale": 1, "conv": [(0, 1), (1, 2), (2, 3)], "conv_par": {"filters": 3, "kernel_size": 1}})
    given = {f"{name}.{part}": normal(*shape) for name in ("c", "a", "b") for part, shape in (("weight", (3, 3, 1, 1)), ("bias", (3,)))}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    with pytest.raises(RequestError, match="the order of the file and its names disagree"):
        vf.load_weights(model, tmp_path / "x.pth")
    (remark,) = vf.load_weights(model, tmp_path / "x.pth", "auto")
    assert remark == "3 layers assigned: 3 by order, and the names say otherwise"
    np.testing.assert_array_equal(model.get_layer("conv_1").bias, given["c.bias"])


def test_what_has_no_role_is_reported_too(tmp_path):
    model = two_convolutions()
    given = {"a.weight": normal(5, 3, 3, 3), "a.bias": normal(5), "b.weight": normal(3, 5, 5, 5), "b.bias": normal(3), "scale_of_residuals": normal(1)}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    assert vf.load_weights(model, tmp_path / "x.pth") == ["not used of the file: scale_of_residuals"]


def test_inputs_behind_a_flatten_are_put_in_order(tmp_path):
    x = keras.Input((2, 5, 4))
    model = keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    given = {"fc.weight": normal(3, 4 * 2 * 5), "fc.bias": normal(3)}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    vf.load_weights(model, tmp_path / "x.pth")
    image = normal(1, 2, 5, 4)
    expected = image.transpose(0, 3, 1, 2).reshape(1, -1) @ given["fc.weight"].T + given["fc.bias"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(image)), expected, rtol=1e-4)


def test_cubic_kernels_follow_the_words_of_the_file(tmp_path):
    model = vf.build({"name": "cube", "scale": 1, "conv": [(0, 1)], "conv_par": {"filters": 3}})
    kernel = normal(3, 3, 3, 3)
    for weight, bias, expected in (("c.weight", "c.bias", kernel.transpose(2, 3, 1, 0)), ("c/kernel", "c/bias", kernel)):
        np.savez(tmp_path / "x.npz", **{weight: kernel, bias: normal(3)})
        vf.load_weights(model, tmp_path / "x.npz")
        np.testing.assert_array_equal(model.get_weights()[0], expected)


def test_what_stands_around_the_weights_is_warned_of(tmp_path):
    model = vf.build(
        {
            "name": "w",
            "scale": 4,
            "conv": [(0, 1), (1, 2)],
            "conv_sub": ["Conv2D", "Conv2DTranspose"],
            "conv_par": [{"filters": 4}, {"filters": 3, "kernel_size": 9, "strides": 4}],
        }
    )
    given = {"sub_mean.weight": np.eye(3, dtype=np.float32)[..., None, None], "sub_mean.bias": np.array([-114.4, -111.5, -103.0])}
    given |= {"a.weight": normal(4, 3, 3, 3), "a.bias": normal(4), "b.weight": normal(4, 3, 9, 9), "b.bias": normal(3)}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    remarks = "\n".join(vf.load_weights(model, tmp_path / "x.pth"))
    assert "sub_mean subtracts a mean of 114: these weights are for pixels of 0..255" in remarks
    assert "conv_2: 'same' crops this transposed convolution unevenly" in remarks


def test_a_depthwise_kernel_that_belongs_elsewhere_is_one_line(tmp_path):
    """Its file has the layers in another order, so a kernel of several inputs meets a depthwise convolution."""
    d = {"name": "two", "scale": 1, "conv": [(0, 1), (1, 2)], "conv_sub": ["DepthwiseConv2D", "Conv2D"], "conv_par": [None, {"filters": 3}]}
    model = vf.build(d)
    given = {"a.weight": normal(3, 3, 3, 3), "a.bias": normal(3), "b.weight": normal(3, 2, 3, 3), "b.bias": normal(3)}
    write_zip(tmp_path / "x.pth", as_tensors(given))
    with pytest.raises(RequestError, match=r"conv_1 from a: its kernel has shape \(3, 3, 3, 1\), the file's \(OIHW\) \(3, 3, 3, 3\)"):
        vf.load_weights(model, tmp_path / "x.pth", {"conv_1": "a", "conv_2": "b"})


def test_an_incomplete_map_is_a_few_lines(tmp_path):
    links = [(number, number + 1) for number in range(300)]
    model = vf.build({"name": "deep", "scale": 1, "conv": links, "conv_par": {"filters": 3, "kernel_size": 1}})
    write_zip(tmp_path / "x.pth", as_tensors({"a.weight": normal(3, 3, 1, 1), "a.bias": normal(3)}))
    for names in ({"conv_1": "a"}, {f"conv_{number}": f"b.{number}" for number in range(1, 301)}):
        with pytest.raises(RequestError) as error:
            vf.load_weights(model, tmp_path / "x.pth", names)
        assert len(str(error.value).splitlines()) < 10
    with pytest.raises(RequestError, match="names: nothing for 299 layers: conv_2, conv_3, conv_4, conv_5, conv_6"):
        vf.load_weights(model, tmp_path / "x.pth", {"conv_1": "a"})


@pytest.mark.parametrize(("parameters", "is_remarked"), [({}, True), ({"epsilon": 1e-5}, False), ({"epsilon": 1e-6}, False)])
def test_an_epsilon_that_the_dictionary_states_is_not_remarked_on(parameters, is_remarked, tmp_path):
    """References with an epsilon of 1e-6 are as frequent as those with PyTorch's default; what nobody has is Keras' default."""
    torch = pytest.importorskip("torch")
    model = vf.build({"name": "x", "scale": 1, "links": [(0, [("Conv2D", {"filters": 3}), ("LayerNormalization", parameters)], "sr")]})
    torch.save(
        {"conv.weight": torch.zeros(3, 3, 3, 3), "conv.bias": torch.zeros(3), "norm.weight": torch.ones(3), "norm.bias": torch.zeros(3)}, tmp_path / "x.pth"
    )
    remarks = vf.load_weights(model, tmp_path / "x.pth")
    assert ["norm_sr: its epsilon is Keras' default 0.001, PyTorch's is 1e-05" in remark for remark in remarks] == [True] * is_remarked
