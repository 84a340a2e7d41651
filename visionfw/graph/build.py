"""The compiler: a checked dictionary -> a Keras model."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import keras

from visionfw.backend.keras_internals import rename_operation
from visionfw.errors import brief
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import Call, layer_text, place_name
from visionfw.graph.checking.functions import functions_of, operations_between
from visionfw.graph.checking.layer_catalog import call_layer, make_layer
from visionfw.layers.resampling import Bicubic


def build(dictionary: Mapping[str, Any], scale: int | None = None) -> keras.Model:
    """Compile a model dictionary to a Keras model.

    Blocks named after Python functions are looked up among the functions of the calling module.

    Args:
        dictionary: any spelling.
        scale: output size / input size for a dictionary that leaves it open; must agree with one that declares it.

    Returns:
        A model from LR images in [0, 1], (batch, height, width, channels) of any height and width, to SR images in float32. Its
        layers are named after their links.

    Raises:
        ModelDefinitionError: the dictionary is wrong; `.problems` lists why.
    """
    return compile_model(examine(dictionary, scale, functions_of(sys._getframe(1), dictionary)))


def compile_model(checked: Checked) -> keras.Model:
    """Compile what was checked, under Keras' current dtype policy; outputs are float32 under any."""
    definition, expanded = checked.definition, checked.expanded
    inputs = {name: keras.Input(definition.input_shape(name), name=name) for name, _ in definition.graph.inputs}
    tensors = {expanded.inputs[name]: tensor for name, tensor in inputs.items()}
    enlarged = definition.enlarged_input()
    if enlarged is not None and definition.scale > 1:
        tensors[expanded.inputs[enlarged]] = Bicubic(definition.scale, name="pre_upsample")(inputs[enlarged])
    outputs = set(expanded.outputs.values())
    uses = Counter(call.name for call in expanded.calls)
    layers: dict[str, keras.layers.Layer] = {}
    for call in expanded.calls:
        try:
            tensors[call.target] = _apply(call, [tensors[source] for source in call.sources], layers, uses[call.name] > 1, call.target in outputs)
        except Exception as error:
            error.args = (f"{call.where}, {layer_text(call.link)}: {brief(error)}",)
            raise
    made = {name: tensors[tensor] for name, tensor in expanded.outputs.items()}
    given = list(inputs.values())
    return keras.Model(
        given[0] if len(given) == 1 else inputs,
        next(iter(made.values())) if len(made) == 1 else made,
        name=_model_name(definition.name),
    )


def _apply(call: Call, sources: list, layers: dict[str, keras.layers.Layer], is_shared: bool, is_output: bool):
    """Put one layer on its sources; an output's last step is float32."""
    if call.function is not None:
        made = _apply_function(call, sources, layers, is_shared)
    else:
        if call.name not in layers:
            layers[call.name] = make_layer(call.link, call.name)
        made = call_layer(layers[call.name], sources)
        if is_output and made.dtype != "float32" and not is_shared and not layers[call.name].weights:
            layers[call.name] = make_layer(call.link, call.name, dtype="float32")
            made = call_layer(layers[call.name], sources)
    if is_output and made.dtype != "float32":
        made = keras.layers.Activation("linear", dtype="float32", name=f"{place_name(call.target)}-float32")(made)
    return made


def _apply_function(call: Call, sources: list, layers: dict, is_shared: bool):
    """Call a block's function and name the layers it made after its link; a shared one is called once, as a model of its own."""
    if not is_shared:
        made = call.function(sources, **call.link.parameters)
        _rename_layers(made, sources, call.name)
        return made
    if call.name not in layers:
        inputs = [keras.Input(source.shape[1:]) for source in sources]
        layers[call.name] = keras.Model(inputs, call.function(inputs, **call.link.parameters), name=call.name)
    return layers[call.name](sources)


def _rename_layers(made, sources: list, prefix: str) -> None:
    """Name the layers between `sources` and `made` by the order in which the data reaches them: PREFIX-conv2d, PREFIX-conv2d-1."""
    operations = dict.fromkeys(operation for operation, _, _ in operations_between(sources, made))
    counts: dict[str, int] = {}
    for operation in operations:
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(operation).__name__)).lower()
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        rename_operation(operation, f"{prefix}-{kind}" + (f"-{number}" if number else ""))


def _model_name(name: str) -> str:
    """Keep what Keras and every backend take in a model's name."""
    return "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name)
