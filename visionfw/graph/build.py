"""The compiler: a checked dictionary -> a Keras model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import keras

from visionfw.backend.keras_internals import rename_operation
from visionfw.errors import brief
from visionfw.graph.checking.check import Checked, examine
from visionfw.graph.checking.expand import LayerCall, TensorId, layer_text, tensor_name
from visionfw.graph.checking.functions import operations_between
from visionfw.graph.checking.layer_catalog import call_layer, make_layer
from visionfw.graph.language.ir import Definition
from visionfw.graph.language.parser import Functions
from visionfw.layers.padding import CropPadding, PadToMultiple
from visionfw.layers.resampling import Bicubic
from visionfw.numerics import Tensor


def build(dictionary: Mapping[str, Any], scale: int | None = None, functions: Functions | None = None) -> keras.Model:
    """Compile a model dictionary to a Keras model.

    Args:
        dictionary: any spelling.
        scale: output size / input size for a dictionary that leaves it open; must agree with one that declares it.
        functions: Python functions that its links may name as blocks, by name. No other function is ever reached through a name.

    Returns:
        A model from LR images in [0, 1], (batch, height, width, channels) of any height and width, to SR images in float32. Its
        layers are named after their links.

    Raises:
        ModelDefinitionError: the dictionary is wrong; `.problems` lists why.
    """
    return compile_model(examine(dictionary, scale, functions))


def compile_model(checked: Checked) -> keras.Model:
    """Compile a checked dictionary under Keras' current dtype policy; outputs are float32 under any."""
    definition, flat = checked.definition, checked.flat
    inputs = {name: keras.Input(definition.input_shape(name), name=name) for name, _ in definition.graph.inputs}
    images = _upscaled(definition, inputs)
    tensors: dict[TensorId, Tensor] = {flat.inputs[name]: tensor for name, tensor in _padded(definition, images).items()}
    compiler = _Compiler(checked)
    for call in flat.calls:
        try:
            tensors[call.target] = compiler.apply(call, [tensors[source] for source in call.sources])
        except Exception as error:
            error.args = (f"{call.address}, {layer_text(call.link)}: {brief(error)}",)
            raise
    outputs = _cropped(checked, {name: tensors[tensor] for name, tensor in flat.outputs.items()}, images)
    model = keras.Model(_single(inputs, list(inputs.values())), _single(outputs, list(outputs.values())), name=_model_name(definition.name))
    _DEFINITIONS[model] = definition
    return model


#: The definition of each model that was compiled here, as long as the model lives.
_DEFINITIONS: WeakKeyDictionary[keras.Model, Definition] = WeakKeyDictionary()


def definition_of(model: keras.Model) -> Definition | None:
    """Return the definition that a model was compiled from; None for a model from elsewhere."""
    return _DEFINITIONS.get(model)


def _upscaled(definition: Definition, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs, that of `pre_upsample` enlarged."""
    name = definition.upscaled_input()
    if name is None or definition.scale in (None, 1):
        return inputs
    return inputs | {name: Bicubic(definition.scale, name="pre_upsample")(inputs[name])}


def _padded(definition: Definition, images: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the inputs, images padded to the definition's `multiple`."""
    names, multiple = definition.padded_inputs, definition.multiple or 1
    return images | {name: PadToMultiple(multiple, definition.edge, name=_numbered("pad_to_multiple", name, len(names)))(images[name]) for name in names}


def _cropped(checked: Checked, outputs: dict[str, Tensor], images: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the outputs, images without the part that belongs to the padding of the inputs."""
    definition = checked.definition
    names = [name for name in outputs if checked.is_cropped(name)]

    def crop(name: str) -> Tensor:
        scale = checked.shapes[checked.flat.outputs[name]].line(0)[0]
        layer = CropPadding(definition.multiple or 1, float(scale), name=_numbered("crop_padding", name, len(names)))
        return layer([outputs[name], images[definition.padded_inputs[0]]])

    return outputs | {name: crop(name) for name in names}


def _numbered(layer: str, name: str, count: int) -> str:
    """Return the name of a layer of which there is one for each of `count` inputs or outputs."""
    return layer if count == 1 else f"{layer}-{name}"


def _single(named: dict[str, Tensor], tensors: list[Tensor]) -> Any:
    """Return the one tensor that there is, or all of them by name."""
    return tensors[0] if len(tensors) == 1 else named


class _Compiler:
    """Makes each layer once and puts it on its sources."""

    def __init__(self, checked: Checked):
        self.layers: dict[str, keras.layers.Layer] = {}
        self.outputs = set(checked.flat.outputs.values())
        self.uses = Counter(call.name for call in checked.flat.calls)

    def apply(self, call: LayerCall, sources: list[Tensor]) -> Tensor:
        """Return a call's result; an output's last step is float32."""
        result = self._apply_layer(call, sources) if call.function is None else self._apply_function(call, sources)
        if call.target in self.outputs and result.dtype != "float32":
            result = keras.layers.Activation("linear", dtype="float32", name=f"{tensor_name(call.target)}-float32")(result)
        return result

    def _is_shared(self, call: LayerCall) -> bool:
        return self.uses[call.name] > 1

    def _apply_layer(self, call: LayerCall, sources: list[Tensor]) -> Tensor:
        if call.name not in self.layers:
            self.layers[call.name] = make_layer(call.link, call.name)
        layer = self.layers[call.name]
        result = call_layer(layer, sources)
        if call.target in self.outputs and result.dtype != "float32" and not self._is_shared(call) and not layer.weights:
            self.layers[call.name] = make_layer(call.link, call.name, dtype="float32")
            result = call_layer(self.layers[call.name], sources)
        return result

    def _apply_function(self, call: LayerCall, sources: list[Tensor]) -> Tensor:
        """Call a block's function and name the layers it makes after its link; a shared one is called once, as a model of its own."""
        if call.function is None:
            raise ValueError(f"{call.name} is not a block that is a Python function")
        if not self._is_shared(call):
            result = call.function(sources, **call.link.parameters)
            _rename_layers(result, sources, call.name)
            return result
        if call.name not in self.layers:
            inputs = [keras.Input(source.shape[1:]) for source in sources]
            self.layers[call.name] = keras.Model(inputs, call.function(inputs, **call.link.parameters), name=call.name)
        return self.layers[call.name](sources)


def _rename_layers(result: Tensor, sources: list[Tensor], prefix: str) -> None:
    """Name the layers between `sources` and `result` by the order in which the data reaches them: PREFIX-conv2d, PREFIX-conv2d-1."""
    operations = dict.fromkeys(operation for operation, _, _ in operations_between(sources, result))
    counts: Counter[str] = Counter()
    for operation in operations:
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(operation).__name__)).lower()
        rename_operation(operation, f"{prefix}-{kind}" + (f"-{counts[kind]}" if counts[kind] else ""))
        counts[kind] += 1


def _model_name(name: str) -> str:
    """Replace what Keras or a backend does not take in a model's name by '_'."""
    return "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name)
