"""The layers that a dictionary can name, what each takes, and how one is made. Nothing is ever evaluated.

A name is looked up among visionfw's layers and registered ones (`LAYERS`), then among the Keras layers on the allow list
(`layers/keras_layers.py`). The same lists decide which layers a saved model of a stranger may hold.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import keras

from visionfw.errors import unknown
from visionfw.graph.language.ir import Link
from visionfw.layers import LAYERS
from visionfw.layers.keras_layers import ACTIVATION_FUNCTIONS, ALIASES, KERAS_LAYERS, REFUSED, UNLISTED
from visionfw.layers.other_names import unknown_layer, unknown_parameter
from visionfw.numerics import Tensor

#: Parameters that every Keras layer takes beside its own.
_COMMON_PARAMETERS = ("dtype", "trainable")
#: Parameters that belong to the compiler.
_COMPILER_PARAMETERS = ("name",)
#: Objects of a saved model that are no layers: the model itself, tensors, and how weights are stored.
_MODEL_CLASSES = {"Functional", "Model", "Sequential", "InputLayer", "DTypePolicy", "DTypePolicyMap", "SeedGenerator"}
_TENSOR_CLASSES = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__", "__bytes__"}


# --- names -------------------------------------------------------------------------------------------------------------


@cache
def activation_functions() -> frozenset[str]:
    """Return the names of Keras' activation functions that a dictionary may hold."""
    return frozenset(name for name in ACTIVATION_FUNCTIONS if hasattr(keras.activations, name))


def layer_names(group: str) -> list[str]:
    """Return every name that `GROUP_sub` may hold for a group of layers."""
    functions = activation_functions() if group == "activation" else ()
    allowed = (name for name in (*KERAS_LAYERS, *ALIASES) if hasattr(keras.layers, name))
    return sorted({*allowed, *LAYERS, *functions})


def find_layer(name: str, group: str = "layer") -> type | None:
    """Return the class that a layer's name stands for; None where there is none, or where it is refused."""
    if group == "activation" and name in activation_functions():
        return keras.layers.Activation
    if name in LAYERS:
        return LAYERS.load(name)
    return getattr(keras.layers, name, None) if name in KERAS_LAYERS or name in ALIASES else None


def name_problem(link: Link) -> str | None:
    """Return what is wrong with a link's layer name, or None."""
    if link.layer in LAYERS and not LAYERS.get(link.layer).is_builtin and hasattr(keras.layers, link.layer):
        return f"layer '{link.layer}' is registered, and Keras or visionfw has one of that name; register yours under another name"
    if find_layer(link.layer, link.group) is not None:
        return None
    if link.layer in REFUSED or (link.layer[:1].isupper() and hasattr(keras.layers, link.layer)):
        return f"layer '{link.layer}' cannot stand in a dictionary: {REFUSED.get(link.layer, UNLISTED)}"
    return unknown_layer("layer", link.layer, layer_names(link.group))


# --- parameters --------------------------------------------------------------------------------------------------------


@cache
def parameter_names(layer: type) -> tuple[str, ...]:
    """Return the parameters that a layer's class takes in a dictionary."""
    parameters = inspect.signature(layer.__init__).parameters.values()  # type: ignore[misc]
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)][1:]
    common = _COMMON_PARAMETERS if any(p.kind is p.VAR_KEYWORD for p in parameters) else ()
    return tuple(dict.fromkeys(name for name in (*named, *common) if name not in _COMPILER_PARAMETERS))


def parameter_problems(link: Link) -> list[str]:
    """Return which of a link's parameters its layer does not take, or may not be given."""
    layer = find_layer(link.layer, link.group)
    if layer is None:
        return []
    known = parameter_names(layer) if layer is not keras.layers.Activation or link.layer == "Activation" else ("dtype",)
    problems = []
    for key, value in link.parameters.items():
        if key == "name":
            problems.append("parameter 'name' is not taken: a layer's name follows from its link")
        elif key not in known:
            problems.append(f"{link.layer}: {unknown_parameter(key, [*known, 'repeat', 'share'])}")
        else:
            problems += [f"{link.layer}: parameter '{key}': {reason}" for reason in _code_in(value)]
    return problems


def _code_in(value: Any) -> list[str]:
    """Return what could run code when Keras reads a value: objects other than Keras' initializers, regularizers and constraints."""
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
    modules = (keras.initializers, keras.regularizers, keras.constraints)
    return frozenset(name for module in modules for name in dir(module) if inspect.isclass(getattr(module, name)))


# --- saved models ------------------------------------------------------------------------------------------------------


def saved_model_problems(config: Any) -> list[str]:
    """Return what a saved model holds that must not be deserialized, before Keras reads it.

    Args:
        config: the JSON of a model's architecture, as `keras.Model.to_json` and .keras files have it.

    Returns:
        A line for each class that is neither an allowed layer nor plain data; [] for a model that may be read.
    """
    return list(dict.fromkeys(_saved_problems(config)))


def _saved_problems(config: Any) -> Iterator[str]:
    if isinstance(config, list | tuple):
        for entry in config:
            yield from _saved_problems(entry)
    elif isinstance(config, Mapping):
        if "class_name" in config and not _may_be_read(config):
            name = config["class_name"]
            yield f"layer {str(name)[:60]!r} of module {str(config.get('module'))[:60]!r} is not allowed: {REFUSED.get(str(name), 'it may run code')}"
        for key, entry in config.items():
            if key != "compile_config":  # the optimizer and losses, which are not read
                yield from _saved_problems(entry)


def _may_be_read(config: Mapping[str, Any]) -> bool:
    """Return whether the class that one object of a saved model names is an allowed one."""
    name, module, registered = (config.get(key) for key in ("class_name", "module", "registered_name"))
    if not isinstance(name, str):
        return False
    if str(module or "keras").partition(".")[0] != "keras" or registered not in (None, name):  # a registered class, which Keras takes first
        known = str(registered or name).rpartition(">")[2]
        return known in LAYERS and registered in (None, known, keras.saving.get_registered_name(LAYERS.load(known)))
    if ".ops." in str(module):  # operations of blocks that were Python functions; those that hold functions hold objects that are refused
        return True
    plain = name in _MODEL_CLASSES or name in _TENSOR_CLASSES or name in _plain_objects()
    return plain or name in KERAS_LAYERS or name in ALIASES or name in LAYERS


# --- making and calling ------------------------------------------------------------------------------------------------


def make_layer(link: Link, name: str | None = None, dtype: Any = None) -> keras.layers.Layer:
    """Make the Keras layer of a link, under the given name and dtype policy. Whatever Keras raises passes through."""
    arguments = dict(link.parameters)
    if name is not None:
        arguments["name"] = name
    if dtype is not None:
        arguments.setdefault("dtype", dtype)
    layer = find_layer(link.layer, link.group)
    if layer is None:
        raise ValueError(unknown("layer", link.layer, layer_names(link.group)))
    if layer is keras.layers.Activation and link.layer != "Activation":
        arguments["activation"] = link.layer
    return layer(**arguments)


def takes_separate_tensors(layer: keras.layers.Layer) -> bool:
    """Return whether a layer is called as layer(a, b), like MultiHeadAttention, and not as layer([a, b])."""
    parameters = inspect.signature(layer.call).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
    return len(positional) > 1


def call_layer(layer: keras.layers.Layer, tensors: list[Tensor]) -> Tensor:
    """Call a layer on its sources: one tensor, several, or a list of them, as the layer's class takes them."""
    if len(tensors) == 1:
        return layer(tensors[0])
    return layer(*tensors) if takes_separate_tensors(layer) else layer(tensors)
