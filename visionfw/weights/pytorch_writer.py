"""Write PyTorch's state_dict files without PyTorch: a zip archive of raw arrays and a pickle that names nothing but tensors."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

#: NumPy's kinds of numbers -> PyTorch's classes of storages.
_STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage", "int64": "LongStorage", "int32": "IntStorage"}

# Opcodes of pickle's protocol 2 (the standard library's pickletools lists them).
_PROTOCOL, _STOP, _MARK, _EMPTY_DICT, _SET_ITEMS, _TUPLE, _REDUCE, _PERSISTENT_ID = b"\x80\x02", b".", b"(", b"}", b"u", b"t", b"R", b"Q"
_FALSE, _EMPTY_TUPLE = b"\x89", b")"


def write_pytorch(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a state_dict that `torch.load(path, weights_only=True)` reads.

    Args:
        path: the file.
        arrays: key -> values of float16, float32, float64, int32 or int64.
    """
    contiguous = {key: np.ascontiguousarray(values).reshape(values.shape) for key, values in arrays.items()}
    entries = [_text(key) + _tensor(str(number), values) for number, (key, values) in enumerate(contiguous.items())]
    pickled = _PROTOCOL + _EMPTY_DICT + _MARK + b"".join(entries) + _SET_ITEMS + _STOP
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        for number, values in enumerate(contiguous.values()):
            archive.writestr(f"archive/data/{number}", values.astype(values.dtype.newbyteorder("<")).tobytes())
        archive.writestr("archive/version", "3\n")


def _tensor(storage: str, values: np.ndarray) -> bytes:
    """Return the call `_rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())`."""
    place = _MARK + _text("storage") + _global("torch", _STORAGES[values.dtype.name]) + _text(storage) + _text("cpu") + _integer(values.size) + _TUPLE
    strides = [step // values.itemsize for step in values.strides]
    hooks = _global("collections", "OrderedDict") + _EMPTY_TUPLE + _REDUCE
    arguments = place + _PERSISTENT_ID + _integer(0) + _integers(values.shape) + _integers(strides) + _FALSE + hooks
    return _global("torch._utils", "_rebuild_tensor_v2") + _MARK + arguments + _TUPLE + _REDUCE


def _global(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + len(encoded).to_bytes(4, "little") + encoded


def _integer(value: int) -> bytes:
    """Return a number up to 2^31, or a larger one as a long."""
    if value < 2**31:
        return b"J" + value.to_bytes(4, "little", signed=True)
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def _integers(values: tuple[int, ...] | list[int]) -> bytes:
    return _MARK + b"".join(map(_integer, values)) + _TUPLE
