"""PyTorch's files: both formats, views, what trainers wrap around the weights; and nothing that is pickled runs."""

import importlib.util
import pickle
import zipfile

import numpy as np
import pytest
from torch_files import Pickled, as_tensors, write_legacy, write_zip

from visionfw.errors import RequestError, VisionfwError
from visionfw.weights.files import read_weights

WRITERS = [write_zip, write_legacy]


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    return {"body.0.weight": random.normal(size=(4, 3, 3, 3)).astype(np.float32), "body.0.bias": random.normal(size=4), "count": np.array([7])}


@pytest.mark.parametrize("write", WRITERS)
def test_a_state_dict_is_read_with_its_order_and_values(tmp_path, arrays, write):
    write(tmp_path / "x.pth", as_tensors(arrays))
    found = read_weights(tmp_path / "x.pth")
    assert found.layout == "pytorch"
    assert list(found.arrays) == list(arrays)
    for key, values in arrays.items():
        np.testing.assert_array_equal(found.arrays[key], values)


@pytest.mark.parametrize("write", WRITERS)
def test_a_tensor_may_be_a_view(tmp_path, write):
    values = np.arange(24, dtype=np.float32)
    tensors = {"turned": Pickled("0", values, offset=2, size=(3, 4), stride=(1, 5)), "row": Pickled("0", values, offset=20, size=(4,), stride=(1,))}
    write(tmp_path / "x.pt", tensors)
    found = read_weights(tmp_path / "x.pt").arrays
    np.testing.assert_array_equal(found["turned"], [[2, 7, 12, 17], [3, 8, 13, 18], [4, 9, 14, 19]])
    np.testing.assert_array_equal(found["row"], [20, 21, 22, 23])


@pytest.mark.parametrize("write", WRITERS)
def test_a_view_that_leaves_its_storage_is_reported(tmp_path, write):
    write(tmp_path / "x.pt", {"x": Pickled("0", np.arange(6, dtype=np.float32), offset=1, size=(6,), stride=(1,))})
    with pytest.raises(VisionfwError, match=r"x\.pt: cannot be read: a tensor is larger than what is stored of it"):
        read_weights(tmp_path / "x.pt")


def test_bfloat16_is_the_upper_half_of_a_float32(tmp_path):
    values = np.array([1.0, -2.5, 0.15625], np.float32)
    write_zip(tmp_path / "x.pth", as_tensors({"x.weight": (values.view(np.uint32) >> 16).astype(np.uint16)}))
    np.testing.assert_array_equal(read_weights(tmp_path / "x.pth").arrays["x.weight"], values)


@pytest.mark.parametrize("wrapped", [["params"], ["params-ema"], ["state_dict"], ["model"], ["generator", "state_dict"]])
def test_what_a_trainer_saved_around_the_weights_is_looked_through(tmp_path, arrays, wrapped):
    content = as_tensors({f"module.{key}": values for key, values in arrays.items()})
    for key in reversed(wrapped):
        content = {"epoch": 3, key: content}
    write_zip(tmp_path / "x.pth", content)
    assert list(read_weights(tmp_path / "x.pth").arrays) == list(arrays)


def test_averaged_weights_come_first(tmp_path):
    write_zip(tmp_path / "x.pth", {"params": as_tensors({"a.weight": np.zeros(2)}), "params_ema": {"a.weight": Pickled("9", np.ones(2))}})
    np.testing.assert_array_equal(read_weights(tmp_path / "x.pth").arrays["a.weight"], [1, 1])


def test_a_figure_beside_the_weights_hides_nothing(tmp_path, arrays):
    write_zip(tmp_path / "x.pth", {"best_psnr": Pickled("90", np.array(32.1)), "weights_of_the_network": as_tensors(arrays)})
    assert list(read_weights(tmp_path / "x.pth").arrays) == list(arrays)


class Harmful:
    def __reduce__(self):
        return eval, ("__import__('pathlib').Path('harm').touch()",)


@pytest.mark.parametrize("legacy", [True, False])
def test_what_is_pickled_does_not_run(tmp_path, monkeypatch, legacy):
    monkeypatch.chdir(tmp_path)
    if legacy:
        (tmp_path / "x.pth").write_bytes(pickle.dumps({"a": Harmful()}))
    else:
        with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({"a": Harmful()}))
    with pytest.raises(RequestError, match=r"x\.pth: it holds a pickled object, builtins\.eval, which is not run; save tensors alone"):
        read_weights(tmp_path / "x.pth")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(("content", "sentence"), [(b"", "cannot be read"), (b"hello", "cannot be read"), (b"PK\x03\x04broken", "cannot be read")])
def test_a_damaged_file_is_one_line(tmp_path, content, sentence):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(VisionfwError, match=sentence) as error:
        read_weights(tmp_path / "x.pth")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("write", WRITERS)
def test_a_cut_file_is_one_line(tmp_path, arrays, write):
    write(tmp_path / "x.pth", as_tensors(arrays))
    (tmp_path / "x.pth").write_bytes((tmp_path / "x.pth").read_bytes()[:-40])
    with pytest.raises(VisionfwError, match=r"x\.pth: cannot be read"):
        read_weights(tmp_path / "x.pth")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_it_reads_what_torch_writes(tmp_path, zipped):
    import torch

    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ConvTranspose2d(4, 2, 2))
    state = layer.state_dict() | {"turned": torch.arange(12.0).reshape(3, 4).T, "half": torch.ones(3, dtype=torch.bfloat16) / 3}
    torch.save(state, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    found = read_weights(tmp_path / "x.pth").arrays
    assert list(found) == list(state)
    for key, values in state.items():
        np.testing.assert_array_equal(found[key], values.float().numpy())
