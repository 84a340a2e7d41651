"""The layers that a dictionary can name, what each takes, and how one is made. Nothing is ever evaluated.

A name is looked up among Keras' own layers, visionfw's, and what a user registered. Layers that could run code or read files on
behalf of a stranger's dictionary are refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import keras

from visionfw.errors import unknown
from visionfw.graph.language.ir import Link
from visionfw.layers import LAYERS

#: Keras' layers that hold code, other layers, or files, or that are no layers of a network's inside.
REFUSED = {
    "Lambda": "it holds code; register a layer class with vf.register_layer",
    **dict.fromkeys(("TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"), "it holds code"),
    **dict.fromkeys(("Wrapper", "TimeDistributed", "Bidirectional", "SpectralNormalization", "RNN", "StackedRNNCells", "Pipeline"), "it holds other layers"),
    **dict.fromkeys(("TextVectorization", "StringLookup", "IntegerLookup"), "it reads files"),
    **dict.fromkeys(("Input", "InputLayer", "InputSpec", "Layer"), "inputs are named by 'inputs'"),
}
#: Parameters that every Keras layer takes beside its own.
_COMMON_PARAMETERS = ("dtype", "trainable")
#: Parameters that belong to the compiler.
_OWN_PARAMETERS = ("name",)


@cache
def keras_layers() -> dict[str, type]:
    """Return Keras' own layers by name, less the refused ones."""
    named = {name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()}
    return {name: entry for name, entry in named.items() if inspect.isclass(entry) and issubclass(entry, keras.layers.Layer) and name not in REFUSED}


@cache
def activation_functions() -> frozenset[str]:
    """Return the names of Keras' activation functions."""
    return frozenset(name for name in dir(keras.activations) if name[0].islower() and name not in ("get", "serialize", "deserialize"))


def layer_names(group: str) -> list[str]:
    """Return every name that `GROUP_sub` may hold for a group of layers."""
    functions = activation_functions() if group == "activation" else ()
    return sorted({*keras_layers(), *LAYERS, *functions})


def find_layer(name: str, group: str = "layer") -> type | None:
    """Return the class that a layer's name stands for; None where there is none."""
    if group == "activation" and name in activation_functions():
        return keras.layers.Activation
    return LAYERS.load(name) if name in LAYERS else keras_layers().get(name)


def name_problem(link: Link) -> str | None:
    """Say what is wrong with a link's layer name."""
    if link.layer in REFUSED:
        return f"layer '{link.layer}' cannot stand in a dictionary: {REFUSED[link.layer]}"
    if find_layer(link.layer, link.group) is None:
        return unknown("layer", link.layer, layer_names(link.group))
    if link.layer in LAYERS and not LAYERS.get(link.layer).is_builtin and link.layer in keras_layers():
        return f"layer '{link.layer}' is registered, and Keras or visionfw has one of that name; register yours under another name"
    return None


@cache
def parameter_names(layer: type) -> tuple[str, ...]:
    """Return the parameters that a layer's class takes in a dictionary."""
    parameters = inspect.signature(layer.__init__).parameters.values()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)][1:]
    extra = _COMMON_PARAMETERS if any(p.kind is p.VAR_KEYWORD for p in parameters) else ()
    return tuple(dict.fromkeys(name for name in (*named, *extra) if name not in _OWN_PARAMETERS))


def parameter_problems(link: Link) -> list[str]:
    """Say which of a link's parameters its layer does not take, or may not be given."""
    layer = find_layer(link.layer, link.group)
    known = parameter_names(layer) if layer is not keras.layers.Activation or link.layer == "Activation" else ("dtype",)
    problems = []
    for key, value in link.parameters.items():
        if key == "name":
            problems.append("parameter 'name' is not taken: a layer's name follows from its link")
        elif key not in known:
            problems.append(f"{link.layer}: {unknown('parameter', key, [*known, 'repeat', 'share'])}")
        else:
            problems += [f"{link.layer}: parameter '{key}': {reason}" for reason in _code_in(value)]
    return problems


def _code_in(value: Any) -> list[str]:
    """Find what could run code when Keras reads it: objects that are not Keras' initializers, regularizers and constraints."""
    if isinstance(value, list):
        return [reason for entry in value for reason in _code_in(entry)]
    if isinstance(value, str) and ">" in value:
        return [f"{value!r} names a registered object; code is refused"]
    if not isinstance(value, Mapping):
        return []
    reasons = [reason for entry in value.values() for reason in _code_in(entry)]
    if {"class_name", "module", "registered_name"} & set(value):
        name = value.get("class_name")
        if set(value) - {"class_name", "config"} or not isinstance(name, str) or name not in _plain_objects():
            reasons.append(f"{name!r} is not one of Keras' initializers, regularizers or constraints given as class_name and config; code is refused")
    return reasons


@cache
def _plain_objects() -> frozenset[str]:
    rooms = (keras.initializers, keras.regularizers, keras.constraints)
    return frozenset(name for room in rooms for name in dir(room) if inspect.isclass(getattr(room, name)))


def make_layer(link: Link, name: str | None = None, dtype: Any = None) -> keras.layers.Layer:
    """Make the Keras layer of a link, under the given name and dtype policy. Whatever Keras raises passes through."""
    given = dict(link.parameters)
    if name is not None:
        given["name"] = name
    if dtype is not None:
        given.setdefault("dtype", dtype)
    layer = find_layer(link.layer, link.group)
    if layer is keras.layers.Activation and link.layer != "Activation":
        given["activation"] = link.layer
    return layer(**given)


@cache
def takes_separate_tensors(layer: type) -> bool:
    """Tell whether a layer is called as layer(a, b), as MultiHeadAttention is, and not as layer([a, b])."""
    parameters = list(inspect.signature(layer.call).parameters.values())[1:]
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
    return len(positional) > 1


def call_layer(layer: keras.layers.Layer, tensors: list) -> Any:
    """Call a layer on its sources: one tensor, several, or a list of them, as the layer's class takes them."""
    if len(tensors) == 1:
        return layer(tensors[0])
    return layer(*tensors) if takes_separate_tensors(type(layer)) else layer(tensors)
