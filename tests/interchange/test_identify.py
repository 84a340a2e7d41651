"""A file's architecture, found by keys and shapes among model files that say how their reference calls its weights."""

import numpy as np
import pytest
from torch_files import as_tensors, write_zip

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.interchange.identify import identify
from visionfw.interchange.references import reference_of
from visionfw.runs.checkpoints import load_weights, save_weights
from visionfw.weights.files import read_weights

TOY = """
ASSUMED = ("slope",)


def toy(*, blocks=2, filters=4, slope=0.2, scale=2):
    return {
        "name": "Toy",
        "scale": scale,
        "blocks": {"unit": {"links": [(0, ["Conv2D", "BatchNormalization", ("LeakyReLU", {"negative_slope": slope})], "out")]}},
        "defaults": {"conv": {"filters": filters}},
        "links": [
            (0, "Conv2D", "head"),
            ("head", "unit", "body", {"repeat": blocks}),
            ("body", "pixel_shuffle_upsampler", "up", {"scale": scale, "filters": filters}),
            ("up", "Conv2D", "sr", {"filters": 3}),
        ],
    }


def names(*, blocks, **_):
    new = {"conv_head": "first", "block_body-*-conv_out_1": "body.{*+1}.conv", "block_body-*-norm_out_2": "body.{*+1}.norm",
           "block_up-conv_wide_*": "up.{2*}", "conv_sr": "last", "=0": "marker.reshape(1)"}
    old = new | {"conv_head": "model.0", "conv_sr": f"model.{blocks + 1}"}
    return [new, old]


def detect(state):
    first = "first" if "first.weight" in state else "model.0"
    if state[f"{first}.weight"][1] != 3:
        raise ValueError("reads no RGB")
    return {"blocks": state.count("body.*.conv.weight") - 1, "filters": state[f"{first}.weight"][0], "scale": 2 ** (state.has("up.*.weight"))}
"""


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    return str(tmp_path / "toy.py")


def arrays(blocks=3, filters=6, first="first", last="last"):
    random = np.random.default_rng(0)
    shapes = {f"{first}.weight": (filters, 3, 3, 3), f"{first}.bias": (filters,)}
    for number in range(1, blocks + 1):
        shapes |= {f"body.{number}.conv.weight": (filters, filters, 3, 3), f"body.{number}.conv.bias": (filters,)}
        shapes |= {f"body.{number}.norm.{role}": (filters,) for role in ("weight", "bias", "running_mean", "running_var")}
    shapes |= {"up.0.weight": (4 * filters, filters, 3, 3), "up.0.bias": (4 * filters,), f"{last}.weight": (3, filters, 3, 3), f"{last}.bias": (3,)}
    return {key: np.abs(random.normal(size=shape)).astype(np.float32) for key, shape in shapes.items()}


def opened(path, content, toy):
    write_zip(path, as_tensors(content))
    return identify(read_weights(path), [reference_of(toy)])


def test_arguments_are_solved_from_shapes_and_every_weight_has_its_place(tmp_path, toy):
    given = arrays()
    found = opened(tmp_path / "x.pth", given, toy)
    assert found.arguments == {"blocks": 3, "filters": 6, "scale": 2}
    kernel = found.model.get_layer("block_body-1-conv_out_1").kernel
    np.testing.assert_array_equal(np.asarray(kernel), given["body.2.conv.weight"].transpose(2, 3, 1, 0))
    assert "assumed slope=0.2, which no shape tells" in found.remarks


@pytest.mark.parametrize("prefix", ["module.", "module._orig_mod.", "netG."])
@pytest.mark.parametrize("wrapper", ["params_ema", "state_dict", "model"])
def test_wrappers_and_prefixes_of_trainers_are_taken_off(tmp_path, toy, wrapper, prefix):
    content = {wrapper: as_tensors({f"{prefix}{key}": values for key, values in arrays().items()})}
    write_zip(tmp_path / "x.pth", content)
    assert identify(read_weights(tmp_path / "x.pth"), [reference_of(toy)]).arguments["blocks"] == 3


def test_an_older_spelling_of_the_keys_is_read_too(tmp_path, toy):
    assert opened(tmp_path / "x.pth", arrays(first="model.0", last="model.4"), toy).arguments["filters"] == 6


def test_what_is_written_has_the_first_spelling_and_is_read_to_the_same_model(tmp_path, toy):
    found = opened(tmp_path / "x.pth", arrays(first="model.0", last="model.4"), toy)
    for suffix in (".pth", ".safetensors"):
        save_weights(found.model, tmp_path / f"y{suffix}", names="reference")
        written = read_weights(tmp_path / f"y{suffix}").arrays
        expected = arrays()
        assert set(written) == set(expected) | {"marker"} | {f"body.{number}.norm.num_batches_tracked" for number in (1, 2, 3)}
        for key, values in expected.items():
            np.testing.assert_allclose(written[key], values, rtol=1e-6)


def test_a_model_of_a_known_architecture_loads_by_names_whatever_the_order(tmp_path, toy):
    model = vf.build(vf.definition(toy, blocks=3, filters=6))
    given = arrays()
    write_zip(tmp_path / "x.pth", as_tensors(dict(reversed(given.items()))))
    assert load_weights(model, tmp_path / "x.pth") == []
    np.testing.assert_array_equal(np.asarray(model.get_layer("conv_head").bias), given["first.bias"])


def test_an_unknown_file_is_refused_with_the_nearest_and_the_reason(tmp_path, toy):
    given = arrays()
    del given["body.2.norm.weight"]
    with pytest.raises(RequestError) as error:
        opened(tmp_path / "x.pth", given, toy)
    assert "no architecture of this package has these 23 arrays" in str(error.value)
    assert "other weights: no body.2.norm.weight" in str(error.value)
    given = arrays() | {"first.weight": np.zeros((6, 5, 3, 3), np.float32)}
    with pytest.raises(RequestError, match="reads no RGB"):
        opened(tmp_path / "x.pth", given, toy)
    with pytest.raises(RequestError, match=r"no architecture has keys like these"):
        opened(tmp_path / "x.pth", {"a.weight": np.zeros((2, 2))}, toy)


def test_a_changed_model_is_not_written_under_the_names_of_the_original(tmp_path, toy):
    dictionary = vf.definition(toy)
    dictionary["links"] = [*dictionary["links"][:-1], ("up", "Conv2D", "sr", {"filters": 3, "kernel_size": 5})]
    with pytest.raises(RequestError, match="differs from"):
        save_weights(vf.build(dictionary), tmp_path / "y.pth", names="reference")
    assert not (tmp_path / "y.pth").exists()


def test_written_files_hold_nothing_but_tensors_for_pytorch(tmp_path, toy):
    torch = pytest.importorskip("torch")
    model = vf.build(vf.definition(toy))
    save_weights(model, tmp_path / "y.pth", names="reference")
    loaded = torch.load(tmp_path / "y.pth", weights_only=True)
    np.testing.assert_array_equal(loaded["first.weight"].numpy().transpose(2, 3, 1, 0), np.asarray(model.get_layer("conv_head").kernel))
    assert loaded["marker"].shape == (1,)
