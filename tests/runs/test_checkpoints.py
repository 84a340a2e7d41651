"""Weights and models in files."""

import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.runs.checkpoints import save_weights

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
def test_a_file_that_holds_no_weights_is_told(tmp_path, name, sentence):
    for file in ("x.onnx", "text.weights.h5"):
        (tmp_path / file).write_text("nothing")
    with pytest.raises(RequestError, match=sentence):
        vf.load_weights(vf.build(vf.definition("edsr", **SMALL)), tmp_path / name)


def test_another_models_weights_are_told(tmp_path):
    save_weights(vf.build(vf.definition("edsr", blocks=2, filters=8)), tmp_path / "x.weights.h5")
    model = vf.build(vf.definition("edsr", blocks=2, filters=8, scale=2))
    before = model.get_weights()
    with pytest.raises(RequestError, match=r"do not fit EDSR: conv_tail has a weight of shape \(3, 3, 8, 3\), the file \(3, 3, 8, 32\)"):
        vf.load_weights(model, tmp_path / "x.weights.h5")
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_a_keras_file_loads_with_our_layers(tmp_path):
    model = vf.build(vf.definition("srcnn", scale=2))
    model.save(tmp_path / "x.keras")
    x = np.random.default_rng(0).random((1, 9, 8, 1), np.float32)
    np.testing.assert_allclose(vf.load(tmp_path / "x.keras")(x), model(x), atol=1e-6)


def test_what_is_no_model_file_is_told(tmp_path):
    (tmp_path / "x.keras").write_text("nothing")
    with pytest.raises(vf.VisionfwError, match=r"x\.keras: cannot be loaded"):
        vf.load(tmp_path / "x.keras")
    with pytest.raises(RequestError, match="no file"):
        vf.load(tmp_path / "y.keras")
