"""A foreign module's arrays -> the values of a Keras layer's weights, in Keras' axis order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np

from visionfw.backend.keras_internals import producer
from visionfw.layers.facts import facts_of
from visionfw.weights.modules import Module

#: Keras' names of weights -> roles, as `modules_of` calls them.
_ROLES = {"kernel": "weight", "gamma": "weight", "alpha": "weight", "bias": "bias", "beta": "bias", "moving_mean": "mean", "moving_variance": "variance"}
#: Weights with one value per channel, whatever axes of length 1 they have.
_PER_CHANNEL = ("gamma", "beta", "alpha", "moving_mean", "moving_variance")
#: What a layout's kernels are called in messages.
_LAYOUT_NAMES = {"pytorch": "(OIHW)", "matlab": "(MATLAB)", "keras": "(HWIO)"}
TORCH_EPSILON = 1e-5  # of PyTorch's normalizations
KERAS_EPSILON = 1e-3  # of Keras' normalizations


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

    Returns:
        One array for each of `weights_of(layer)`, of its shape.

    Raises:
        Misfit: a weight is missing or left over, or has another shape.
    """
    variables = weights_of(layer)
    if "0" in module:
        numbered = [module[key] for key in sorted(module, key=int)]
        if len(numbered) != len(variables):
            raise Misfit(f"it has {len(variables)} weights, the file {len(numbered)}")
        return [fit(layer, variable, values, "keras") for variable, values in zip(variables, numbered, strict=True)]
    by_role = {role_of(variable): variable for variable in variables}
    module = _with_epsilon(layer, module) if layout == "pytorch" else _with_statistics(layer, module)
    missing = [variable.name for role, variable in by_role.items() if role not in module]
    unused = [role for role in module if role not in by_role]
    if missing or unused:
        raise Misfit(f"the file has no {missing[0]} for it" if missing else f"the file has a {unused[0]} for it, and it has none")
    return [fit(layer, variable, module[role], layout) for role, variable in by_role.items()]


def _with_statistics(layer: keras.layers.Layer, module: Module) -> Module:
    """Return a module with MatConvNet's moments (mean, and deviation that includes epsilon) as mean and variance."""
    if "moments" not in module or not isinstance(layer, keras.layers.BatchNormalization):
        return module
    mean, deviation = np.asarray(module["moments"], np.float64).reshape(-1, 2).T
    rest = {role: values for role, values in module.items() if role != "moments"}
    return rest | {"mean": mean, "variance": np.maximum(deviation**2 - layer.epsilon, 0)}


def reference_epsilon(layer: keras.layers.BatchNormalization) -> float:
    """Return the epsilon that a batch normalization has in PyTorch: PyTorch's own, or the layer's where a dictionary states another than Keras'."""
    return TORCH_EPSILON if layer.epsilon == KERAS_EPSILON else layer.epsilon


def _with_epsilon(layer: keras.layers.Layer, module: Module) -> Module:
    """Return a batch normalization's module whose gamma accounts for PyTorch's epsilon instead of the layer's."""
    if not isinstance(layer, keras.layers.BatchNormalization) or not {"weight", "variance"} <= set(module):
        return module
    variance = np.asarray(module["variance"], np.float64)
    return module | {"weight": module["weight"] * np.sqrt((variance + layer.epsilon) / (variance + reference_epsilon(layer)))}


def fit(layer: keras.layers.Layer, variable: keras.Variable, values: np.ndarray, layout: str) -> np.ndarray:
    """Return an array of a file in the shape of a weight. Raises Misfit."""
    shape = tuple(variable.shape)
    if variable.name == "alpha" and values.size == 1:  # one slope for all channels
        return np.full(shape, values.item())
    fitted: np.ndarray | None
    if (len(shape) == 1 or variable.name in _PER_CHANNEL) and len([size for size in shape if size != 1]) <= 1:
        fitted = values.reshape(shape) if values.size == math.prod(shape) else None
    elif layout == "pytorch":
        fitted = _from_pytorch(layer, values)
    elif layout == "matlab":
        fitted = _from_matlab(values, shape)
    else:
        fitted = values
    if fitted is None or fitted.shape != shape:
        raise Misfit(f"its {variable.name} has shape {shape}, the file's {_LAYOUT_NAMES[layout]} {values.shape}")
    return fitted


# --- PyTorch -----------------------------------------------------------------------------------------------------------


def _from_pytorch(layer: keras.layers.Layer, values: np.ndarray) -> np.ndarray | None:
    """Return a PyTorch kernel in Keras' axis order; None where it cannot be the layer's."""
    axes = facts_of(layer).kernel_axes or "HWIO"
    if values.ndim == 2 and axes in ("HWIO", "HWOI"):  # a linear layer that stands for a 1x1 convolution
        values = values[..., None, None]
    if axes == "IO" or values.ndim == 4:
        return _FROM_PYTORCH[axes](layer, values)
    return values


def _linear(layer: keras.layers.Dense, values: np.ndarray) -> np.ndarray | None:
    """OI, or OI11 -> IO."""
    if values.ndim < 2 or math.prod(values.shape[2:]) != 1:
        return None
    return reorder_behind_flatten(layer, values.reshape(values.shape[:2])).T


def _depthwise(layer: keras.layers.DepthwiseConv2D, values: np.ndarray) -> np.ndarray | None:
    """(I x M)1HW -> HWIM."""
    filters, single, rows, columns = values.shape
    multiplier = layer.depth_multiplier
    if single != 1 or filters % multiplier:
        return None
    return values.reshape(filters // multiplier, multiplier, rows, columns).transpose(2, 3, 0, 1)


def _reversed_channels(layer: keras.layers.Layer, values: np.ndarray) -> np.ndarray:
    """OIHW -> HWIO, or a transposed convolution's IOHW -> HWOI."""
    return values.transpose(2, 3, 1, 0)


#: Axes of a kernel in Keras -> how PyTorch's is brought into that order.
_FROM_PYTORCH: dict[str, Callable[[keras.layers.Layer, np.ndarray], np.ndarray | None]] = {
    "HWIO": _reversed_channels,
    "HWOI": _reversed_channels,
    "HWIM": _depthwise,
    "IO": _linear,
}


def reorder_behind_flatten(layer: keras.layers.Dense, values: np.ndarray, to_torch: bool = False) -> np.ndarray:
    """Reorder the inputs of a layer behind a Flatten, (out, in): PyTorch flattens channel by channel, Keras pixel by pixel.

    Args:
        layer: the layer.
        values: its kernel, in PyTorch's order; in Keras' where `to_torch`.
        to_torch: the direction.
    """
    shape = _flattened_shape(layer)
    if len(shape) != 3 or math.prod(shape) != values.shape[1]:
        return values
    height, width, channels = shape
    if to_torch:
        return values.reshape(-1, height, width, channels).transpose(0, 3, 1, 2).reshape(values.shape)
    return values.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(values.shape)


def _flattened_shape(layer: keras.layers.Dense) -> tuple[int, ...]:
    """Return the shape that a Flatten before a layer reads, where it is fixed; () without one."""
    operation, _ = producer(layer.input)
    while isinstance(operation, keras.layers.Dropout | keras.layers.Activation):
        operation, _ = producer(operation.input)
    shape: tuple[int | None, ...] = tuple(operation.input.shape[1:]) if isinstance(operation, keras.layers.Flatten) else ()
    return tuple(size for size in shape if size is not None)


# --- MATLAB ------------------------------------------------------------------------------------------------------------


def _from_matlab(values: np.ndarray, shape: Sequence[int]) -> np.ndarray | None:
    """Restore the last axes that MATLAB drops where they have length 1, or unroll SRCNN's kernels, column by column."""
    if len(shape) != 4:
        return values.reshape(shape) if values.size == math.prod(shape) else None
    rows, columns, inputs, outputs = shape
    if values.shape + (1,) * (4 - values.ndim) == tuple(shape):
        return values.reshape(shape)
    unrolled: set[tuple[int, ...]] = {(inputs, rows * columns, outputs)}
    unrolled |= {(rows * columns, outputs)} if inputs == 1 else set()
    unrolled |= {(inputs, rows * columns)} if outputs == 1 else set()
    if values.shape not in unrolled:
        return None
    return values.reshape((inputs, rows, columns, outputs), order="F").transpose(1, 2, 0, 3)
