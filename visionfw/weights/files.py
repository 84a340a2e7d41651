"""Read weight files of any kind into arrays by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.errors import RequestError, VisionfwError, brief
from visionfw.weights.ncnn import read_ncnn
from visionfw.weights.pytorch import read_pytorch

#: Suffix -> what it is.
SUFFIXES = {
    ".pth": "PyTorch state_dict",
    ".pt": "PyTorch state_dict",
    ".ckpt": "PyTorch state_dict",
    ".safetensors": "safetensors of PyTorch layout",
    ".param": "ncnn, beside its .bin",
    ".bin": "ncnn, beside its .param; PyTorch state_dict without one",
    ".mat": "MATLAB",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".npz": "NumPy",
}


@dataclass(frozen=True)
class WeightFile:
    """What a file holds.

    Attributes:
        path: the file.
        layout: the axis order of its kernels: 'pytorch', 'matlab' or 'keras'.
        arrays: key -> values, in the file's order.
        is_ordered: whether that order is the network's; else it is the names'.
        order: the prefix of every layer's keys in the order in which the network runs them, where the file tells that.
        told: arguments of the model that the file tells beside its arrays.
        notes: what the file describes and its arrays do not hold.
    """

    path: Path
    layout: str
    arrays: dict[str, np.ndarray]
    is_ordered: bool = True
    order: tuple[str, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_weights(path: Path) -> WeightFile:
    """Read a weight file of another program. Pickled code in it is never run.

    Raises:
        RequestError: the file is of an unknown kind, holds code, or no arrays.
        VisionfwError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise RequestError(f"weights {path}: a weight file ends in {', '.join(('.weights.h5', '.keras', *SUFFIXES))}, not in {path.suffix!r}")
    try:
        if suffix in (".param", ".bin") and path.with_suffix(".param").is_file():
            return _read_ncnn(path)
        layout, arrays, is_ordered = _read(path, suffix)
    except RequestError as error:
        raise RequestError(f"weights {path}: {error}") from error
    except Exception as error:  # a damaged file makes its reader raise nearly anything
        raise VisionfwError(f"weights {path}: cannot be read: {brief(error)}") from error
    numbers = {key: array for key, array in arrays.items() if array.dtype.kind in "fiu" and array.size}
    if not numbers:
        raise RequestError(f"weights {path}: it holds no arrays of numbers")
    return WeightFile(path, layout, numbers, is_ordered)


def _read_ncnn(path: Path) -> WeightFile:
    """Read a pair of ncnn's files, of which either is named."""
    binary = path.with_suffix(".bin")
    if not binary.is_file():
        raise RequestError(f"its weights, {binary.name}, are not beside it")
    model = read_ncnn(path.with_suffix(".param"), binary)
    return WeightFile(path, "pytorch", model.arrays, True, tuple(model.order), model.told, tuple(model.notes))


def _read(path: Path, suffix: str) -> tuple[str, dict[str, np.ndarray], bool]:
    """Return a file's layout, its arrays, and whether they come in the network's order."""
    if suffix in (".pth", ".pt", ".ckpt", ".bin"):
        return "pytorch", read_pytorch(path), True
    if suffix == ".safetensors":
        return "pytorch", _read_safetensors(path), False
    if suffix == ".mat":
        return "matlab", *_read_matlab(path)
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return _layout_of(archive.files), {key: archive[key] for key in archive.files}, True
    arrays, is_ordered = _read_hdf5(path)
    return _layout_of(arrays), arrays, is_ordered


def _layout_of(keys: Iterable[str]) -> str:
    """Return whose words a file's keys are, PyTorch's or Keras': the suffix does not say."""
    return "pytorch" if any(re.search(r"\.weight$|running_mean$|num_batches_tracked$", key) for key in keys) else "keras"


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file, whose tensors lie in it in any order, in the order of their names; bfloat16 becomes float32."""
    from safetensors import deserialize

    kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1"}
    arrays = {}
    for key, tensor in sorted(deserialize(path.read_bytes()), key=lambda item: natural_order(item[0])):
        if tensor["dtype"] not in kinds:
            continue
        values = np.frombuffer(tensor["data"], kinds[tensor["dtype"]])
        values = (values.astype(np.uint32) << 16).view(np.float32) if tensor["dtype"] == "BF16" else values
        arrays[key] = values.reshape(tensor["shape"])
    return arrays


def _read_matlab(path: Path) -> tuple[dict[str, np.ndarray], bool]:
    """Read a .mat file: versions up to 7 by SciPy, 7.3, which is HDF5, by h5py. Variables lie in it in the order of their names."""
    import scipy.io

    try:
        contents = scipy.io.loadmat(path, simplify_cells=False)
    except NotImplementedError:
        return _read_matlab_73(path)
    variables = {key: contents[key] for key in sorted(contents, key=natural_order) if not key.startswith("__")}
    return dict(_flattened(variables)), len(variables) == 1


def _flattened(value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays inside dictionaries, MATLAB's structures and its cells, each with its path."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _flattened(entry, f"{name}.{key}" if name else str(key))
    elif isinstance(value, np.ndarray | np.void) and value.dtype.names:
        entries = np.atleast_1d(value).ravel(order="F")
        if {"name", "value"} <= set(value.dtype.names):  # MatConvNet's parameters
            for entry in entries:
                yield from _flattened(entry["value"], str(np.squeeze(entry["name"])))
            return
        for number, entry in enumerate(entries):
            for key in value.dtype.names:
                yield from _flattened(entry[key], ".".join(filter(None, (name, str(number) if len(entries) > 1 else "", key))))
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for number, entry in enumerate(value.ravel(order="F")):
            yield from _flattened(entry, f"{name}.{number}" if value.size > 1 else name)
    elif isinstance(value, np.ndarray):
        yield name, value


@dataclass
class _Collected:
    """The arrays of a file, in its order, while it is read.

    Attributes:
        arrays: key -> values.
        is_ordered: whether that order is the network's.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    is_ordered: bool = True


def _read_matlab_73(path: Path) -> tuple[dict[str, np.ndarray], bool]:
    """Read MATLAB's HDF5: axes are reversed there, and cells hold references."""
    import h5py

    collected = _Collected()
    with h5py.File(path) as file:
        _collect_matlab(file, "", file, collected)
    return collected.arrays, collected.is_ordered


def _collect_matlab(entry: Any, name: str, file: Any, collected: _Collected) -> None:
    """Collect the arrays under an entry of a MATLAB 7.3 file."""
    import h5py

    if isinstance(entry, h5py.Group):
        fields = ["".join(letter.decode() for letter in field) for field in entry.attrs.get("MATLAB_fields", ())]
        keys = [key for key in entry if not key.startswith("#")]
        collected.is_ordered = collected.is_ordered and (bool(fields) or len(keys) < 2)
        for key in fields or sorted(keys, key=natural_order):
            _collect_matlab(entry[key], f"{name}.{key}" if name else key, file, collected)
    elif entry.dtype == h5py.ref_dtype:
        targets = entry[()].T.ravel(order="F")
        for number, target in enumerate(targets):
            _collect_matlab(file[target], f"{name}.{number}" if len(targets) > 1 else name, file, collected)
    else:
        collected.arrays[name] = np.asarray(entry[()]).T


def _read_hdf5(path: Path) -> tuple[dict[str, np.ndarray], bool]:
    """Read every data set of an HDF5 file, in the order that its attributes give (Keras 2) or by name, 2 before 10."""
    import h5py

    collected = _Collected()
    with h5py.File(path) as file:
        _collect_hdf5(file.get("model_weights", file), "", collected)
    return collected.arrays, collected.is_ordered


def _collect_hdf5(group: Any, name: str, collected: _Collected) -> None:
    """Collect the data sets under a group of an HDF5 file."""
    import h5py

    listed = group.attrs.get("layer_names", group.attrs.get("weight_names", ()))
    names = [entry.decode() if isinstance(entry, bytes) else entry for entry in listed]
    has_order = bool(names) or len(group) < 2 or all(isinstance(entry, h5py.Dataset) for entry in group.values())
    collected.is_ordered = collected.is_ordered and has_order
    for key in [key for key in names if key in group] or sorted(group, key=natural_order):
        path = f"{name}/{key}" if name else key
        if isinstance(group[key], h5py.Group):
            _collect_hdf5(group[key], path, collected)
        else:
            collected.arrays[path] = np.asarray(group[key][()])


def natural_order(name: str) -> list[Any]:
    """Return a sorting key by which 2 comes before 10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
