"""Weights and models in files."""

import json
import warnings
import zipfile

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.io.files import write_json
from visionfw.runs.checkpoints import save_weights
from visionfw.runs.directory import create

SMALL = {"blocks": 1, "filters": 8}


def test_weights_return_as_they_were_saved(tmp_path):
    first, other = (vf.build(vf.definition("edsr", **SMALL)) for _ in range(2))
    save_weights(first, tmp_path / "x.weights.h5")
    vf.load_weights(other, tmp_path / "x.weights.h5")
    for a, b in zip(first.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [path.name for path in tmp_path.iterdir()] == ["x.weights.h5"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nowhere.weights.h5", "weights: no file"), ("x.onnx", r"a weight file ends in \.weights\.h5, \.keras, "), ("text.weights.h5", "do not fit EDSR")],
)
def test_a_file_that_holds_no_weights_is_reported(tmp_path, name, sentence):
    for file in ("x.onnx", "text.weights.h5"):
        (tmp_path / file).write_text("nothing")
    with pytest.raises(RequestError, match=sentence):
        vf.load_weights(vf.build(vf.definition("edsr", **SMALL)), tmp_path / name)


def test_another_models_weights_are_reported(tmp_path):
    save_weights(vf.build(vf.definition("edsr", blocks=2, filters=8)), tmp_path / "x.weights.h5")
    model = vf.build(vf.definition("edsr", blocks=2, filters=8, scale=2))
    before = model.get_weights()
    with pytest.raises(RequestError, match=r"do not fit EDSR: conv_tail has a weight of shape \(3, 3, 8, 3\), the file \(3, 3, 8, 32\)"):
        vf.load_weights(model, tmp_path / "x.weights.h5")
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def write_run(folder, dictionary):
    """Write a run directory with a model and its weights, without a training."""
    run = create(folder, "")
    write_json(run.model, vf.canonicalize(dictionary))
    model = vf.build(dictionary)
    save_weights(model, run.best)
    return run, model


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_a_run_is_loaded_in_float32_whatever_the_callers_policy(tmp_path, policy):
    run, model = write_run(tmp_path / "run", vf.definition("edsr", **SMALL))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        loaded = vf.load(run.folder)
        assert keras.config.dtype_policy().name == policy
    finally:
        keras.config.set_dtype_policy(before)
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    x = np.random.default_rng(0).random((1, 9, 8, 3), np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))


def test_a_deprecation_in_a_library_does_not_keep_weights_from_loading(tmp_path, monkeypatch):
    first, other = (vf.build(vf.definition("edsr", **SMALL)) for _ in range(2))
    save_weights(first, tmp_path / "x.weights.h5")
    load = keras.Model.load_weights

    def load_and_warn(self, *arguments, **options):
        warnings.warn("h5py will drop this", DeprecationWarning, stacklevel=2)
        return load(self, *arguments, **options)

    monkeypatch.setattr(keras.Model, "load_weights", load_and_warn)
    with pytest.warns(DeprecationWarning, match="h5py will drop this"):
        vf.load_weights(other, tmp_path / "x.weights.h5")
    for a, b in zip(first.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_part_that_keras_skips_with_a_warning_is_an_error(tmp_path, monkeypatch):
    model = vf.build(vf.definition("edsr", **SMALL))
    save_weights(model, tmp_path / "x.weights.h5")
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: warnings.warn("A total of 1 objects could not be loaded", stacklevel=2))
    with pytest.raises(RequestError, match="do not fit EDSR: A total of 1 objects could not be loaded"):
        vf.load_weights(model, tmp_path / "x.weights.h5")


@pytest.mark.parametrize("content", ["{", "[]", '{"class_name": "Functional"}'])
def test_a_damaged_architecture_is_reported(tmp_path, content):
    run, _ = write_run(tmp_path / "run", vf.definition("edsr", **SMALL))
    run.architecture.write_text(content)
    with pytest.raises(vf.VisionfwError, match=r"architecture\.json: is damaged"):
        vf.load(run.folder)


def test_a_keras_file_loads_with_our_layers(tmp_path):
    model = vf.build(vf.definition("srcnn", scale=2))
    model.save(tmp_path / "x.keras")
    x = np.random.default_rng(0).random((1, 9, 8, 1), np.float32)
    np.testing.assert_allclose(vf.load(tmp_path / "x.keras")(x), model(x), atol=1e-6)


def test_what_is_no_model_file_is_reported(tmp_path):
    (tmp_path / "x.keras").write_text("nothing")
    with pytest.raises(vf.VisionfwError, match=r"x\.keras: cannot be loaded"):
        vf.load(tmp_path / "x.keras")
    with pytest.raises(RequestError, match="no file"):
        vf.load(tmp_path / "y.keras")


def write_harmful(path):
    """Write a saved model whose layer would run code; return its JSON."""
    layer = {"class_name": "Lambda", "module": "keras.layers", "registered_name": None, "config": {"function": {"class_name": "__lambda__", "config": {}}}}
    text = json.dumps({"class_name": "Functional", "module": "keras", "registered_name": None, "config": {"layers": [layer]}})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", text)
    return text


def test_saved_models_with_layers_that_no_dictionary_may_name_are_not_deserialized(tmp_path, monkeypatch):
    run, _ = write_run(tmp_path / "run", vf.definition("edsr", **SMALL))
    run.architecture.write_text(write_harmful(tmp_path / "x.keras"))
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", None)
    for file in (run.folder, tmp_path / "x.keras"):
        with pytest.raises(RequestError, match=r"is not loaded: layer 'Lambda' of module 'keras\.layers' is not allowed: it holds code"):
            vf.load(file)


@pytest.mark.parametrize("content", ["{", "[1]", '{"name": "EDSR", "links": 3}', '{"name": "EDSR", "links": [["conv", [0], 1, "Konv2D", {}]]}'])
def test_a_damaged_dictionary_is_one_line(tmp_path, content):
    run, _ = write_run(tmp_path / "run", vf.definition("edsr", **SMALL))
    run.model.write_text(content)
    with pytest.raises(vf.VisionfwError, match=r"model\.json: (is damaged|cannot be read)") as error:
        vf.load(run.folder)
    assert "\n" not in str(error.value)
