"""Files as `torch.save` writes them, in both of its formats, written without PyTorch."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np

KINDS = {"float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage", "uint16": "BFloat16Storage"}


class Pickled:
    """A tensor as its pickle describes it: a storage's key, an offset, a size and strides counted in values."""

    def __init__(self, key, values, offset=0, size=None, stride=None):
        self.key, self.values, self.offset = key, np.ascontiguousarray(values).ravel(), offset
        self.size = values.shape if size is None else size
        self.stride = tuple(step // values.itemsize for step in np.ascontiguousarray(values).reshape(self.size).strides) if stride is None else stride


class Storage:
    def __init__(self, tensor):
        self.kind, self.key, self.values = KINDS[tensor.values.dtype.name], tensor.key, tensor.values


@contextmanager
def pretended_torch():
    """Let `torch._utils._rebuild_tensor_v2` and the storages be importable, as pickle demands of what it writes."""
    kept = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    torch, inner = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        """Only named."""

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    inner._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = inner
    for kind in KINDS.values():
        setattr(torch, kind, type(kind, (), {"__module__": "torch", "__qualname__": kind}))
    sys.modules |= {"torch": torch, "torch._utils": inner}
    try:
        yield torch
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def pickled(content, legacy):
    """Return the pickle of a state_dict, and its storages."""
    storages = {}
    with pretended_torch() as torch:

        class Writer(pickle.Pickler):
            def persistent_id(self, value):
                if not isinstance(value, Storage):
                    return None
                storages[value.key] = value.values
                place = ("storage", getattr(torch, value.kind), value.key, "cpu", len(value.values))
                return (*place, None) if legacy else place

            def reducer_override(self, value):
                if not isinstance(value, Pickled):
                    return NotImplemented
                return torch._utils._rebuild_tensor_v2, (Storage(value), value.offset, value.size, value.stride, False, OrderedDict())

        file = io.BytesIO()
        Writer(file, 2).dump(content)
    return file.getvalue(), storages


def as_tensors(arrays):
    """Return arrays as tensors, each with a storage of its own."""
    return OrderedDict((key, Pickled(str(number), np.asarray(values))) for number, (key, values) in enumerate(arrays.items()))


def write_zip(path, content):
    """Write what PyTorch 1.6 and later write."""
    text, storages = pickled(content, legacy=False)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", text)
        for key, values in storages.items():
            archive.writestr(f"archive/data/{key}", values.tobytes())
        archive.writestr("archive/version", "3\n")


def write_legacy(path, content):
    """Write what earlier versions wrote."""
    text, storages = pickled(content, legacy=True)
    with path.open("wb") as file:
        for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}):
            pickle.dump(value, file, 2)
        file.write(text)
        pickle.dump(sorted(storages), file, 2)
        for key in sorted(storages):
            file.write(len(storages[key]).to_bytes(8, "little") + storages[key].tobytes())
