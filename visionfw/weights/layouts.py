"""A foreign module's arrays -> the values of a Keras layer's weights, in its layout."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np

from visionfw.backend.keras_internals import producer
from visionfw.weights.modules import Module

_NORMALISATIONS = (keras.layers.BatchNormalization, keras.layers.LayerNormalization, keras.layers.GroupNormalization)
_ROLES = {"kernel": "weight", "gamma": "weight", "alpha": "weight", "bias": "bias", "beta": "bias", "moving_mean": "mean", "moving_variance": "variance"}


TORCH_EPSILON = 1e-5  # of PyTorch's normalizations


class Misfit(Exception):
    """A module does not fit a layer; the message says why."""


def weights_of(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Return a layer's weights without the states of random generators."""
    return [variable for variable in layer.weights if "seed_generator" not in variable.path]


def role_of(variable: keras.Variable) -> str:
    """Return the role of a layer's weight, as `modules_of` calls it."""
    return _ROLES.get(variable.name, variable.name)


def converted(layer: keras.layers.Layer, module: Module, layout: str) -> list[np.ndarray]:
    """Return the values of a layer's weights from a module.

    Args:
        layer: a built layer.
        module: role -> values.
        layout: 'pytorch' (OIHW), 'matlab' (HWIO, last axes of length 1 dropped; or SRCNN's [in, rows x columns, out]) or 'keras' (HWIO).

    Raises:
        Misfit: a weight is missing or left over, or has another shape.
    """
    variables = weights_of(layer)
    if "0" in module:
        given = [module[key] for key in sorted(module, key=int)]
        if len(given) != len(variables):
            raise Misfit(f"it has {len(variables)} weights, the file {len(given)}")
        return [_fit(layer, variable, values, "keras") for variable, values in zip(variables, given, strict=True)]
    wanted = {role_of(variable): variable for variable in variables}
    module = _with_statistics(layer, module) if layout != "pytorch" else _with_epsilon(layer, module)
    missing = [variable.name for role, variable in wanted.items() if role not in module]
    left = [role for role in module if role not in wanted]
    if missing or left:
        raise Misfit(f"the file has no {missing[0]} for it" if missing else f"the file has a {left[0]} for it, and it has none")
    return [_fit(layer, variable, module[role], layout) for role, variable in wanted.items()]


def _with_statistics(layer: keras.layers.Layer, module: Module) -> Module:
    """Return a module with MatConvNet's moments, mean and deviation with epsilon inside, as mean and variance."""
    if "moments" not in module or not isinstance(layer, keras.layers.BatchNormalization):
        return module
    mean, deviation = np.asarray(module["moments"], np.float64).reshape(-1, 2).T
    rest = {role: values for role, values in module.items() if role != "moments"}
    return rest | {"mean": mean, "variance": np.maximum(deviation**2 - layer.epsilon, 0)}


def _with_epsilon(layer: keras.layers.Layer, module: Module) -> Module:
    """Return a batch normalization's module with PyTorch's epsilon in place of the layer's, by the factor that it makes."""
    if not isinstance(layer, keras.layers.BatchNormalization) or not {"weight", "variance"} <= set(module):
        return module
    variance = np.asarray(module["variance"], np.float64)
    return module | {"weight": module["weight"] * np.sqrt((variance + layer.epsilon) / (variance + TORCH_EPSILON))}


def _fit(layer: keras.layers.Layer, variable: keras.Variable, values: np.ndarray, layout: str) -> np.ndarray:
    shape = tuple(variable.shape)
    if isinstance(layer, keras.layers.PReLU) and values.size == 1:  # one slope for all channels
        return np.full(shape, values.item())
    if len([side for side in shape if side != 1]) <= 1 and (len(shape) == 1 or isinstance(layer, (keras.layers.PReLU, *_NORMALISATIONS))):
        made = values.reshape(shape) if values.size == math.prod(shape) else None
    elif layout == "pytorch":
        made = _from_pytorch(layer, values)
    elif layout == "matlab":
        made = _from_matlab(values, shape)
    else:
        made = values
    if made is None or made.shape != shape:
        raise Misfit(f"its {variable.name} has shape {shape}, the file's {_kind(layout)} {values.shape}")
    return made


def _kind(layout: str) -> str:
    return {"pytorch": "(OIHW)", "matlab": "(MATLAB)", "keras": "(HWIO)"}[layout]


def _from_pytorch(layer: keras.layers.Layer, values: np.ndarray) -> np.ndarray | None:
    """Turn [out, in, rows, columns] into [rows, columns, in, out]; a transposed convolution's [in, out, ..] into [.., out, in]."""
    if values.ndim == 2 and isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
        values = values[..., None, None]
    if isinstance(layer, keras.layers.Dense):
        flat = values.reshape(values.shape[:2]) if values.ndim >= 2 and math.prod(values.shape[2:]) == 1 else None
        return None if flat is None else _of_flattened(layer, flat).T
    if values.ndim != 4:
        return values
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        filters, _, rows, columns = values.shape
        multiplier = layer.depth_multiplier
        return values.reshape(filters // multiplier, multiplier, rows, columns).transpose(2, 3, 0, 1) if filters % multiplier == 0 else None
    return values.transpose(2, 3, 1, 0)


def _of_flattened(layer: keras.layers.Dense, values: np.ndarray) -> np.ndarray:
    """Put the inputs of a layer behind a Flatten, which PyTorch counts channel by channel, into Keras' order."""
    tensor = layer.input
    operation, _ = producer(tensor)
    while isinstance(operation, keras.layers.Dropout | keras.layers.Activation):
        operation, _ = producer(operation.input)
    shape = operation.input.shape[1:] if isinstance(operation, keras.layers.Flatten) else ()
    if len(shape) != 3 or None in shape or math.prod(shape) != values.shape[1]:
        return values
    height, width, channels = shape
    return values.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(values.shape)


def _from_matlab(values: np.ndarray, shape: Sequence[int]) -> np.ndarray | None:
    """Give back the last axes that MATLAB drops where they have length 1, or unroll SRCNN's kernels, column by column."""
    if len(shape) != 4:
        return values.reshape(shape) if values.size == math.prod(shape) else None
    rows, columns, before, after = shape
    if values.shape + (1,) * (4 - values.ndim) == tuple(shape):
        return values.reshape(shape)
    unrolled = {(before, rows * columns, after)}
    unrolled |= {(rows * columns, after)} if before == 1 else set()
    unrolled |= {(before, rows * columns)} if after == 1 else set()
    if values.shape not in unrolled:
        return None
    return values.reshape((before, rows, columns, after), order="F").transpose(1, 2, 0, 3)
