"""ncnn's models, `.param` and `.bin`: the arrays of the layers in the order in which the network runs them.

The format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visionfw.errors import RequestError

_MAGIC = "7767517"
#: Tags before a weight: float32, float16.
_FLOAT32, _FLOAT16, _INT8 = 0, 0x01306B47, 0x000D4B38
#: Layers without weights that super-resolution networks have.
_WITHOUT_WEIGHTS = {
    *("Input", "Split", "Concat", "BinaryOp", "UnaryOp", "Eltwise", "Interp", "PixelShuffle", "Reorg", "Swish", "Sigmoid", "ReLU", "Clip", "TanH"),
    *("Padding", "Crop", "Slice", "Pooling", "Reduction", "Permute", "Reshape", "Softmax", "HardSwish", "HardSigmoid", "Noop", "Dropout", "GELU", "Mish"),
}
_SUBTRACTION, _PRODUCT = 1, 2  # BinaryOp's operations


@dataclass(frozen=True)
class _Layer:
    """One line of a .param file."""

    kind: str
    name: str
    parameters: Mapping[int, Any]


@dataclass
class NcnnModel:
    """What a pair of files holds.

    Attributes:
        arrays: key -> values in PyTorch's layout. Keys are those of the PyTorch module where ncnn's names tell them.
        order: the prefix of every layer with weights, in the order in which the network runs them.
        told: what the network does to the image before its first layer: `mean` and `image_range`.
        notes: what the network does that is no part of its weights.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_ncnn(param: Path, binary: Path) -> NcnnModel:
    """Read a model in float32 or float16.

    Raises:
        RequestError: the files hold integers, or a layer that is not known here.
        ValueError, OSError: they are damaged.
    """
    layers = list(_layers(param))
    reader = _Reader(binary.read_bytes())
    model = NcnnModel()
    mean, factor = np.zeros(3, np.float32), 1.0
    for number, layer in enumerate(layers):
        arrays = _read_layer(layer, reader)
        if layer.kind == "MemoryData":
            mean = arrays["values"] if not model.order else mean
        elif arrays:
            prefix = _prefix(layer.name) or f"layer.{len(model.order)}"
            model.order.append(prefix)
            model.arrays |= {f"{prefix}.{suffix}": values for suffix, values in arrays.items()}
        elif layer.kind == "BinaryOp" and not model.order and layer.parameters.get(0) == _PRODUCT and layer.parameters.get(1):
            factor = float(layer.parameters.get(2, 1.0))
        elif layer.kind == "Interp" and number == len(layers) - 1:
            model.notes.append(f"the network ends in a resize by {layer.parameters.get(2, 1.0):g}, which is left out")
    if reader.left:
        raise ValueError(f"{binary.name} has {reader.left} bytes more than {param.name} describes")
    model.told = {"mean": tuple(round(float(value), 6) for value in mean), "image_range": factor}
    return model


def _layers(path: Path) -> Iterator[_Layer]:
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[0].strip() != _MAGIC:
        raise ValueError("it does not begin like ncnn's text format (binary .param files are not read)")
    for line in filter(None, map(str.strip, lines[2:])):
        kind, name, inputs, outputs, *rest = line.split()
        yield _Layer(kind, name, dict(_parameter(text) for text in rest[int(inputs) + int(outputs) :]))


def _parameter(text: str) -> tuple[int, Any]:
    key, _, value = text.partition("=")
    if int(key) <= -23300:
        _, *values = value.split(",")
        return -23300 - int(key), [float(number) for number in values]
    return int(key), int(value) if re.fullmatch(r"-?\d+", value) else float(value)


def _prefix(name: str) -> str:
    """Return the module's key in a name that an ONNX exporter made of it, `/upsampler/upsampler.0/Conv` -> `upsampler.0`; "" for others."""
    if not name.startswith("/"):
        return ""
    parts: list[str] = []
    for part in name.strip("/").split("/")[:-1]:
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)


class _Reader:
    """Takes numbers off a .bin file."""

    def __init__(self, content: bytes):
        self._content, self._at = content, 0

    @property
    def left(self) -> int:
        """Bytes that were not taken."""
        return len(self._content) - self._at

    def plain(self, count: int) -> np.ndarray:
        """Take float32 numbers without a tag."""
        return self._take(count, "<f4").astype(np.float32)

    def tagged(self, count: int) -> np.ndarray:
        """Take numbers behind a tag that says how they are stored."""
        tag = int(self._take(1, "<u4")[0])
        if tag == _FLOAT32:
            return self.plain(count)
        if tag != _FLOAT16:
            kind = "integers of 8 bits" if tag == _INT8 else "a table of values"
            raise RequestError(f"its weights are stored as {kind}, not as float16 or float32")
        values = self._take(count, "<f2").astype(np.float32)
        self._at += -self._at % 4
        return values

    def _take(self, count: int, kind: str) -> np.ndarray:
        size = count * np.dtype(kind).itemsize
        if count < 0 or size > self.left:
            raise ValueError("it ends before the weights that its .param describes")
        values = np.frombuffer(self._content, kind, count, self._at)
        self._at += size
        return values


def _read_layer(layer: _Layer, reader: _Reader) -> dict[str, np.ndarray]:
    """Take a layer's arrays; {} for a layer without weights."""
    given = layer.parameters
    if layer.kind in ("Convolution", "ConvolutionDepthWise"):
        return _read_convolution(given, reader)
    if layer.kind == "PReLU":
        return {"weight": reader.plain(given[0])}
    if layer.kind == "MemoryData":
        sizes: Sequence[int] = [given.get(key, 0) or 1 for key in (0, 1, 11, 2)]
        return {"values": reader.plain(int(np.prod(sizes)))}
    if layer.kind not in _WITHOUT_WEIGHTS:
        raise RequestError(f"it has a layer {layer.kind} ({layer.name}), which is not read from ncnn's files")
    return {}


def _read_convolution(given: Mapping[int, Any], reader: _Reader) -> dict[str, np.ndarray]:
    outputs, width, size = given[0], given[1], given[6]
    height = given.get(11, width)
    arrays = {"weight": reader.tagged(size).reshape(outputs, size // (outputs * width * height), height, width)}
    return arrays | ({"bias": reader.plain(outputs)} if given.get(5) else {})
