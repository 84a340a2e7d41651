"""Which key of a reference's state_dict holds which weight of a model, in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import keras
import numpy as np

from visionfw.errors import RequestError, some
from visionfw.interchange.references import NameMap
from visionfw.weights.layouts import Misfit, weights_of
from visionfw.weights.name_patterns import fill_in, look_up, matches
from visionfw.weights.torch_layout import buffers_of, from_torch, suffixes_of, to_torch

#: `key.reshape(1,-1,1,1)`: the reference stores it in that shape.
_RESHAPED = re.compile(r"(.+)\.reshape\(([-\d, ]+)\)")


@dataclass(frozen=True)
class Place:
    """Where a weight lies in the reference's state_dict.

    Attributes:
        layer: our layer.
        weight: the name of its weight.
        key: the key.
        shape: the shape that it has there; None for the layer's own in PyTorch's axis order.
    """

    layer: keras.layers.Layer
    weight: str
    key: str
    shape: tuple[int, ...] | None = None


@dataclass
class Placement:
    """The places of all weights of a model, and what the reference stores beside them.

    Attributes:
        places: one for each weight that the map names.
        constants: key -> values that the reference's state_dict holds and the model does not need.
        folded: prefix of keys -> the block whose branches, folded into one convolution, the reference holds there beside them.
        unnamed: the weights that the map does not name.
    """

    places: list[Place] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    folded: dict[str, str] = field(default_factory=dict)
    unnamed: list[str] = field(default_factory=list)

    @property
    def keys(self) -> set[str]:
        """All keys of the state_dict."""
        folded = {f"{prefix}.{suffix}" for prefix in self.folded for suffix in ("weight", "bias")}
        return {place.key for place in self.places} | set(self.constants) | folded

    def by_layer(self) -> Iterator[Placement]:
        """Yield the placement of each layer's weights alone."""
        by_layer: dict[int, list[Place]] = {}
        for place in self.places:
            by_layer.setdefault(id(place.layer), []).append(place)
        yield from (Placement(places) for places in by_layer.values())

    def missing(self, keys: Mapping[str, object]) -> list[str]:
        """Return the keys of weights that a file does not have."""
        return [place.key for place in self.places if place.key not in keys]


def layers_with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield a model's layers that have weights or buffers, those of models inside it too."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_with_weights(layer)
        elif weights_of(layer) or buffers_of(layer):
            yield layer


def place_weights(model: keras.Model, names: NameMap) -> Placement:
    """Find the place of each weight of a model.

    Args:
        model: a built model.
        names: our layer, `LAYER/WEIGHT`, `=NUMBER` or `fold:BLOCK` -> the prefix of its keys, the key, or the constant's key.
    """
    placement = Placement()
    by_layer = {pattern: value for pattern, value in names.items() if "/" not in pattern and not pattern.startswith(("=", "fold:"))}
    by_weight = {pattern: value for pattern, value in names.items() if "/" in pattern}
    for layer in layers_with_weights(model):
        _place_layer(layer, look_up(layer.name, by_layer), _weights_named(layer.name, by_weight), placement)
        _place_folded(layer.name.rpartition("-")[0], names, placement)
    for pattern, value in names.items():
        if pattern.startswith("="):
            key, shape = split_key(value)
            placement.constants[key] = np.full(shape or (), float(pattern[1:]), np.float32)
    return placement


def _place_folded(block: str, names: NameMap, placement: Placement) -> None:
    """Add the place of a block's branches as one convolution, where the map names one."""
    for pattern, value in names.items():
        if pattern.startswith("fold:") and (parts := matches(pattern.removeprefix("fold:"), block)) is not None:
            placement.folded[fill_in(value, parts)] = block


def _place_layer(layer: keras.layers.Layer, prefix: str | None, own: Mapping[str, str], placement: Placement) -> None:
    """Add the places of one layer's weights.

    Args:
        layer: the layer.
        prefix: the prefix of its keys; None where the map names none.
        own: weight or buffer -> key, where the map names them one by one.
        placement: is added to.
    """
    for weight, suffix in suffixes_of(layer).items():
        if weight in own:
            placement.places.append(Place(layer, weight, *split_key(own[weight])))
        elif prefix is not None:
            placement.places.append(Place(layer, weight, *split_key(prefix, suffix)))
        else:
            placement.unnamed.append(f"{layer.name}/{weight}")
    for suffix, values in buffers_of(layer).items():
        if suffix in own:
            key, shape = split_key(own[suffix])
            placement.constants[key] = values if shape is None else values.reshape(shape)
        elif prefix is not None:
            placement.constants[_buffer_key(prefix, suffix)] = values


def _buffer_key(prefix: str, suffix: str) -> str:
    return f"{prefix.rpartition('.')[0]}.{suffix[1:]}".removeprefix(".") if suffix.startswith("^") else f"{prefix}.{suffix}"


def _weights_named(layer: str, names: NameMap) -> dict[str, str]:
    """Return weight -> key for the entries `LAYER/WEIGHT` of a map that are a layer's."""
    found: dict[str, str] = {}
    for pattern, value in names.items():
        layer_pattern, _, weight = pattern.partition("/")
        parts = matches(layer_pattern, layer)
        if parts is not None:
            found.setdefault(weight, fill_in(value, parts))
    return found


def split_key(text: str, suffix: str = "") -> tuple[str, tuple[int, ...] | None]:
    """Split what a map gives into the key and the shape in which the reference stores it: "scale.reshape(1,-1)"."""
    reshaped = _RESHAPED.fullmatch(text)
    key, shape = (reshaped.group(1), tuple(int(size) for size in reshaped.group(2).split(","))) if reshaped else (text, None)
    return (f"{key}.{suffix}" if suffix and key else key or suffix), shape


def read_values(placement: Placement, arrays: Mapping[str, np.ndarray]) -> list[tuple[keras.Variable, np.ndarray]]:
    """Return each weight with its value from a state_dict.

    Raises:
        Misfit: an array is missing or has another shape; all of them are named.
    """
    problems = [f"no {key}" for key in placement.missing(arrays)]
    values: list[tuple[keras.Variable, np.ndarray]] = []
    for part in placement.by_layer() if not problems else ():
        layer = part.places[0].layer
        try:
            fitted = from_torch(layer, {place.weight: arrays[place.key] for place in part.places})
        except Misfit as error:
            problems.append(f"{layer.name} from {part.places[0].key}: {error}")
            continue
        values += [(variable, fitted[variable.name]) for variable in weights_of(layer) if variable.name in fitted]
    if problems:
        raise Misfit(some(problems, 4))
    return values


def write_values(placement: Placement) -> dict[str, np.ndarray]:
    """Return the reference's state_dict of a model: key -> values.

    Raises:
        RequestError: the map does not name every weight.
    """
    if placement.unnamed:
        raise RequestError(f"the reference has no names for {some(placement.unnamed)}")
    arrays: dict[str, np.ndarray] = {}
    converted: dict[int, dict[str, np.ndarray]] = {}
    for place in placement.places:
        if id(place.layer) not in converted:
            converted[id(place.layer)] = to_torch(place.layer)
        values = converted[id(place.layer)][place.weight]
        arrays[place.key] = values if place.shape is None else values.reshape(place.shape)
    return arrays | placement.constants
