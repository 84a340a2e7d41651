"""The JSON Schema of model dictionaries, generated from the language's tables and the registries of layers and blocks.

Editors complete and check a dictionary in JSON with it. What takes more than one place of a dictionary to decide, such as whether a block
of a name is defined or a node has a producer, `vf.check` decides.

python -m visionfw.graph.schema > docs/model-dictionary.schema.json
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from visionfw.graph.checking.layer_catalog import activation_functions, find_layer, layer_names, parameter_names
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.defaults import COLORS, EDGES, GROUPS, OLDER_GROUPS, OLDER_KEYS, PRE_UPSAMPLERS
from visionfw.graph.language.graph_reader import BLOCK_KEYS, MODEL_KEYS
from visionfw.graph.language.parameters import PARAMETER_NAME
from visionfw.graph.language.parse_values import NODE_NAME

Schema = dict[str, Any]
#: Keys whose values expand over several lines in the file.
_EXPANDED = ("properties", "$defs")
_ANY_OBJECT: Schema = {"type": ["object", "null"]}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of model dictionaries.

    It covers the keys, the groups, rows, chains, the canonical form and blocks, and the names and parameters of all layers, registered
    ones included.

    Example:
        jsonschema.validate(json.load(open("model.json")), vf.schema())
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Written by python -m visionfw.graph.schema with Keras {keras.__version__}",
        "title": "visionfw model dictionary",
        "type": "object",
        "required": ["name"],
        "properties": _keys(MODEL_KEYS, is_block=False),
        "additionalProperties": False,
        "$defs": _definitions(),
    }


def schema_text() -> str:
    """Return the schema as the text of its file: a line for each key and each definition."""
    lines = []
    for key, value in schema().items():
        if key in _EXPANDED:
            inner = ",\n".join(f"    {json.dumps(name)}: {json.dumps(part)}" for name, part in value.items())
            lines.append(f'  "{key}": {{\n{inner}\n  }}')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _definitions() -> Schema:
    kinds = _parameter_kinds(layer_names("activation"))
    return {
        "node": {"anyOf": [{"type": "integer", "minimum": 0}, {"$ref": "#/$defs/node_name"}]},
        "node_name": {"type": "string", "pattern": f"^{NODE_NAME.pattern}$"},
        "sources": {"anyOf": [_ref("node"), {"type": "array", "items": _ref("node"), "minItems": 1}]},
        "targets": {"anyOf": [_ref("node"), {"type": "array", "items": _or_null(_ref("node")), "minItems": 1}]},
        "count": {"type": "integer", "minimum": 1},
        "reference": {"description": "the parameter of a block", "type": "string", "pattern": f"^\\${PARAMETER_NAME.pattern}$"},
        "copies": {"anyOf": [_ref("count"), _ref("reference"), {"type": "array", "items": {"type": "object"}, "minItems": 1}]},
        "layer": {"enum": layer_names("layer")},
        "activation_function": {"enum": sorted(activation_functions())},
        "layer_or_function": {"anyOf": [_ref("layer"), _ref("activation_function")]},
        "block_name": {"type": "string", "minLength": 1, "examples": list(BLOCKS)},
        "layer_or_block": {"anyOf": [_ref("layer_or_function"), _ref("block_name")]},
        **_link_definitions(kinds),
        "block": _block(),
        **{f"parameters_of_{layers[0]}": _parameters(parameters) for parameters, layers in kinds.items()},
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _or_null(part: Schema) -> Schema:
    return {"anyOf": [part, {"type": "null"}]}


# --- keys ----------------------------------------------------------------------------------------------------------------


def _keys(keys: Sequence[str], is_block: bool) -> Schema:
    """Return the schemas of a model's or block's keys, of its groups, and of the older spellings of both."""
    nodes = {"type": "object", "propertyNames": _ref("node_name"), "additionalProperties": _ref("node"), "minProperties": 1}
    sizes = {"type": "array", "items": {"anyOf": [_ref("count"), {"type": "null"}]}, "minItems": 1}
    inputs = {"type": "array", "items": _ref("node"), "minItems": 1} if is_block else nodes
    known = {
        "name": {"type": "string", "minLength": 1},
        "paper": {"type": ["string", "null"]},
        "scale": _or_null(_ref("count")),
        "color": {"enum": [*COLORS, None]},
        "pre_upsample": {"enum": [*PRE_UPSAMPLERS, None]},
        "inputs": _or_null(inputs),
        "outputs": _or_null({"anyOf": [_ref("node"), nodes | {"maxProperties": 1}, inputs] if is_block else [_ref("node"), nodes]}),
        "multiple": _or_null(_ref("count")),
        "edge": {"enum": [*EDGES, None]},
        "shapes": {"type": ["object", "null"], "additionalProperties": sizes},
        "origin": {
            "type": ["object", "null"],
            "properties": {"model": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["model", "arguments"],
            "additionalProperties": False,
        },
        "parameters": {"type": ["object", "null"], "propertyNames": {"pattern": f"^{PARAMETER_NAME.pattern}$"}},
        "blocks": {"type": ["object", "null"], "propertyNames": {"minLength": 1}, "additionalProperties": _ref("block")},
        "defaults": _defaults(),
        "links": {"type": ["array", "null"], "items": _ref("link")},
    }
    current = {key: known[key] for key in keys} | {key: part for group in GROUPS for key, part in _group(group).items()}
    return current | {older: current[key] for older, key in OLDER_KEYS.items() if key in current}


def _group(group: str) -> Schema:
    """Return the schemas of a group's three keys."""
    name = _ref({"block": "block_name", "activation": "layer_or_function"}.get(group, "layer"))
    link = {"type": "array", "items": _ref("targets" if group == "block" else "node"), "minItems": 2}
    return {
        group: {"type": ["array", "null"], "items": link},
        f"{group}_sub": {"anyOf": [name, {"type": "null"}, {"type": "array", "items": _or_null(name)}]},
        f"{group}_par": {"anyOf": [_ANY_OBJECT, {"type": "array", "items": _ANY_OBJECT}]},
    }


def _defaults() -> Schema:
    groups = [group for group in GROUPS if group != "block"]
    names = [*groups, *(older for older, group in OLDER_GROUPS.items() if group in groups)]
    one = {"type": "object", "properties": {"layer": _ref("layer_or_function")}}
    return {"type": ["object", "null"], "properties": dict.fromkeys(names, one), "additionalProperties": False}


def _block() -> Schema:
    """Return the schema of a block: a dictionary of links, or the name of a Python function that the caller passes."""
    function = {"type": "object", "properties": {"function": {"type": "string"}}, "required": ["function"], "additionalProperties": False}
    dictionary = {"type": "object", "properties": _keys(BLOCK_KEYS, is_block=True), "additionalProperties": False}
    return {"if": {"required": ["function"]}, "then": function, "else": dictionary}


# --- links ---------------------------------------------------------------------------------------------------------------


def _link_definitions(kinds: Mapping[tuple[str, ...], list[str]]) -> Schema:
    """Return the schemas of the entries of `links`, which their lengths tell apart."""
    row_or_chain = {"if": {"prefixItems": [True, {"type": "array"}]}, "then": _ref("chain"), "else": _ref("row")}
    chain_layers = {"type": "array", "items": _ref("chain_layer"), "minItems": 1}
    return {
        "link": {"type": "array", "minItems": 3, "maxItems": 5, "if": {"minItems": 5}, "then": _ref("canonical_link"), "else": row_or_chain},
        "row": {
            "description": "[source or [sources], layer, target, {parameters}]",
            "prefixItems": [_ref("sources"), _ref("layer_or_block"), _ref("targets"), _ANY_OBJECT],
            **_parameters_by_layer(kinds, lambda layer, parameters: [True, layer, True, parameters]),
        },
        "chain": {
            "description": "[source or [sources], [layer or [layer, {parameters}], ...], target]",
            "maxItems": 3,
            "prefixItems": [_ref("sources"), chain_layers, _ref("targets")],
        },
        "chain_layer": {"if": {"type": "array"}, "then": _ref("chain_layer_with_parameters"), "else": _ref("layer_or_block")},
        "chain_layer_with_parameters": {
            "minItems": 1,
            "maxItems": 2,
            "prefixItems": [_ref("layer_or_block"), _ANY_OBJECT],
            **_parameters_by_layer(kinds, lambda layer, parameters: [layer, parameters]),
        },
        **_canonical_definitions(kinds),
    }


def _canonical_definitions(kinds: Mapping[tuple[str, ...], list[str]]) -> Schema:
    sources = {"type": "array", "items": _ref("node"), "minItems": 1}
    return {
        "canonical_link": {
            "description": "[group, [sources], target, layer, {parameters}]",
            "prefixItems": [{"enum": list(GROUPS)}, sources, _ref("targets"), True, _ANY_OBJECT],
            "if": {"prefixItems": [{"const": "block"}]},
            "then": {"prefixItems": [True, True, True, _ref("block_name")]},
            "else": _ref("canonical_layer"),
        },
        "canonical_layer": {
            "if": {"prefixItems": [{"const": "activation"}]},
            "then": {"prefixItems": [True, True, True, _or_null(_ref("layer_or_function"))]},
            "else": {"prefixItems": [True, True, True, _or_null(_ref("layer"))]},
            **_parameters_by_layer(kinds, lambda layer, parameters: [True, True, True, layer, parameters]),
        },
    }


# --- parameters ----------------------------------------------------------------------------------------------------------


def _parameter_kinds(names: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    """Return the layers that take the same parameters, by these parameters."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        layer = find_layer(name, "activation")
        if layer is not None:
            parameters = ("dtype",) if name in activation_functions() else tuple(sorted(parameter_names(layer)))
            kinds.setdefault(parameters, []).append(name)
    return kinds


def _parameters(names: Sequence[str]) -> Schema:
    own = dict.fromkeys(names, True)
    return {"properties": {**own, "repeat": _or_null(_ref("copies")), "share": _or_null(_ref("node"))}, "additionalProperties": False}


def _parameters_by_layer(kinds: Mapping[tuple[str, ...], list[str]], items: Callable[[Any, Any], list[Any]]) -> Schema:
    """Return what ties the parameters in an entry to its layer; `items` puts both in their places."""
    choices = []
    for layers in kinds.values():
        name = items({"enum": layers}, True)
        choices.append({"if": {"prefixItems": name}, "then": {"prefixItems": items(True, _ref(f"parameters_of_{layers[0]}"))}})
    return {"allOf": choices}


if __name__ == "__main__":
    print(schema_text(), end="")
