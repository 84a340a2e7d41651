"""Arrays by key -> modules: the kernel, bias and statistics that belong together, whatever a program calls them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

#: What programs call a layer's weights -> one word for each.
_ROLES = {
    "weight": ("weights", "weight", "kernel", "filters", "filter", "gamma", "alpha", "mult", "w", "f"),
    "bias": ("biases", "bias", "beta", "b"),
    "mean": ("running_mean", "moving_mean"),
    "variance": ("running_var", "moving_variance"),
    "moments": ("moments",),
    "length": ("weight_g", r"parametrizations\.weight\.original0"),
    "direction": ("weight_v", r"parametrizations\.weight\.original1"),
    "ignored": ("num_batches_tracked",),
}
_ROLE_OF = {word.replace("\\", ""): role for role, words in _ROLES.items() for word in words}
_WORDS = "|".join(sorted((word for words in _ROLES.values() for word in words), key=len, reverse=True))
#: A word that names the role ends its key, but for numbers ('conv.weight', 'c_w', 'weight.0'), or begins one of its parts ('weights_conv1').
#: Elsewhere it is a part of a name: 'relative_position_bias_table'.
_ROLE = re.compile(rf"(?:^|(?<=[._/:-]))({_WORDS})(?=(?:[._/:-]\d+)*$)|(?:^|(?<=[./:]))({_WORDS})(?=[._/:-])", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*)/vars/(\d+)$")  # Keras 3
_CELL = re.compile(r"(.*)[._]weights[._]([012])$")  # MatConvNet: {kernel, bias, moments}

#: Role -> values.
Module = dict[str, np.ndarray]


def modules_of(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, Module], list[str]]:
    """Group arrays that belong to one layer.

    Args:
        arrays: key -> values, in the file's order.

    Returns:
        name -> role -> values, in the order of each module's first array. The name is the key without the word that names the role
        ('body.0.weight' -> 'body.0', 'weights_conv1' -> 'conv1'). Roles: 'weight', 'bias', 'mean', 'variance', 'moments'; or '0', '1' ...
        where a file only numbers them. Empty where no key names a role. And the keys that name none.
    """
    cells = {match.group(1) for key in arrays if (match := _CELL.match(key))}
    has_biases = any(_split(key, ())[1] == "bias" for key in arrays)
    modules: dict[str, Module] = {}
    loose = []
    for key, values in arrays.items():
        name, role = _split(key, () if has_biases else cells)
        if role and role != "ignored":
            modules.setdefault(name, {})[role] = values
        elif not role:
            loose.append(key)
    return {name: _without_weight_normalization(module) for name, module in modules.items()}, loose


def _split(key: str, cells: Collection[str]) -> tuple[str, str]:
    """Split a key into its module's name and the role of the array in it; '' where it names none."""
    key = re.sub(r":\d+$", "", key)  # TensorFlow's number of an output
    if numbered := _NUMBERED.match(key):
        return numbered.group(1), numbered.group(2)
    if (cell := _CELL.match(key)) and cell.group(1) in cells:
        return cell.group(1), ("weight", "bias", "moments")[int(cell.group(2))]
    words = list(_ROLE.finditer(key))
    if not words:
        return key, ""
    word = words[-1]
    before, after = key[: word.start()].rstrip("._/:-"), key[word.end() :].lstrip("._/:-")
    return ".".join(filter(None, (before, after))), _ROLE_OF[word.group().lower()]


def _without_weight_normalization(module: Module) -> Module:
    """Return a module with weight normalization multiplied out: the direction's unit vectors times their lengths, by output channel."""
    if not {"length", "direction"} <= set(module):
        return module
    direction = module["direction"].astype(np.float64)
    norms = np.sqrt(np.square(direction).sum(axis=tuple(range(1, direction.ndim)), keepdims=True))
    rest = {role: values for role, values in module.items() if role not in ("length", "direction")}
    return {"weight": direction / norms * module["length"].reshape(norms.shape), **rest}
