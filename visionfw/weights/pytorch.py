"""PyTorch's weight files, read without PyTorch and without running what is pickled in them."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from visionfw.errors import RequestError

#: Storage classes of PyTorch, and the bytes they hold; bfloat16 is the upper half of a float32.
_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
#: Where trainers put the weights in a file that holds more, averaged ones first.
_NESTED = ("params_ema", "params-ema", "ema", "model_ema", "params", "state_dict", "model_state_dict", "generator", "netG", "net_g", "model", "net")


class _Storage:
    """A run of numbers that tensors are views of; the numbers of a legacy file come after the tensors."""

    def __init__(self, kind: str):
        self.kind = kind
        self.values = np.empty(0, _STORAGES[kind])

    def fill(self, content: bytes | memoryview) -> None:
        """Take the storage's bytes."""
        self.values = np.frombuffer(content, _STORAGES[self.kind])


class _Tensor:
    """A view of a storage."""

    def __init__(self, storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]):
        self.storage, self.offset, self.size, self.stride = storage, offset, tuple(size), tuple(stride)

    def array(self) -> np.ndarray:
        """Return a copy of the values. Raises ValueError where the view leaves the storage."""
        values = self.storage.values
        last = self.offset + sum((count - 1) * step for count, step in zip(self.size, self.stride, strict=True))
        if min((*self.size, *self.stride, self.offset), default=0) < 0 or (0 not in self.size and last >= len(values)):
            raise ValueError("a tensor is larger than what is stored of it")
        if 0 in self.size:
            return np.zeros(self.size, values.dtype)
        if self.storage.kind == "BFloat16Storage":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        strides = [step * values.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.size, strides, writeable=False).copy()


def _rebuild_tensor(storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> _Tensor:
    return _Tensor(storage, offset, size, stride)


#: All that a file may name; anything else is refused before it is looked up.
_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("typing", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *_: None,
    **{("torch", name): name for name in _STORAGES},
    **{("torch.storage", name): name for name in _STORAGES},
}


class _Unpickler(pickle.Unpickler):
    """Unpickles dictionaries of tensors, and nothing else."""

    def __init__(self, file: IO[bytes], storage: Callable[[str, str], _Storage]):
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            if module.startswith("__torch__"):
                raise RequestError("it is a TorchScript program, which is not run; save its tensors alone: torch.save(module.state_dict(), FILE)")
            raise RequestError(f"it holds a pickled object, {module}.{name}, which is not run; save tensors alone: torch.save(model.state_dict(), FILE)")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: tuple) -> _Storage:
        return self._storage(pid[1], str(pid[2]))


def read_pytorch(path: Path) -> dict[str, np.ndarray]:
    """Read a state_dict, or a trainer's file that holds one, of any PyTorch version.

    Args:
        path: .pth, .pt or .ckpt, in the zip format (1.6 and later) or the one before.

    Returns:
        key -> array, in the file's order; averaged weights where a trainer saved both.

    Raises:
        RequestError: the file holds pickled objects, which are not run, or no tensors.
        ValueError, OSError, pickle.UnpicklingError and others: it is damaged.
    """
    contents = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    tensors = _tensors_of(contents)
    if not tensors:
        keys = ", ".join(map(str, list(contents)[:5])) if isinstance(contents, dict) else type(contents).__name__
        raise RequestError(f"it holds no tensors by name (found: {keys})")
    return {key.removeprefix("module."): tensor.array() for key, tensor in tensors.items()}


def _tensors_of(contents: Any) -> dict[str, _Tensor]:
    if not isinstance(contents, dict):
        return {}
    named = [contents[key] for key in _NESTED if isinstance(contents.get(key), dict)]
    others = [value for key, value in contents.items() if isinstance(value, dict) and key not in _NESTED]
    inner = [tensors for tensors in map(_tensors_of, named or others) if tensors]
    if inner and (named or len(inner) == 1):
        return inner[0]
    return {key: value for key, value in contents.items() if isinstance(key, str) and isinstance(value, _Tensor)}


def _read_zip(path: Path) -> Any:
    storages: dict[str, _Storage] = {}
    with zipfile.ZipFile(path) as archive:
        pickled = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
        if pickled is None:
            raise RequestError("it is a zip archive without tensors")
        folder = pickled.removesuffix("data.pkl")

        def storage(kind: str, key: str) -> _Storage:
            if key not in storages:
                storages[key] = _Storage(kind)
                storages[key].fill(archive.read(f"{folder}data/{key}"))
            return storages[key]

        return _Unpickler(io.BytesIO(archive.read(pickled)), storage).load()


def _read_legacy(path: Path) -> Any:
    storages: dict[str, _Storage] = {}

    def storage(kind: str, key: str) -> _Storage:
        return storages.setdefault(key, _Storage(kind))

    with path.open("rb") as file:
        if _Unpickler(file, storage).load() != _LEGACY_MAGIC:
            raise RequestError("it is no weight file of PyTorch's")
        for _ in ("protocol", "system"):
            _Unpickler(file, storage).load()
        contents = _Unpickler(file, storage).load()
        for key in _Unpickler(file, storage).load():
            count = int.from_bytes(file.read(8), "little")
            if key not in storages:
                raise ValueError(f"storage {key} belongs to no tensor")
            content = file.read(count * storages[key].values.itemsize)
            storages[key].fill(content)
    return contents
